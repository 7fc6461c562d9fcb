import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { api, body } from "@/api/client";
import type { TaskCard } from "@/api/schema";
import { ErrorState } from "@/components/States";
import styles from "./CardsTab.module.css";
import { addressOf, toQuery, type TaskAddress } from "./address";
import { updateOf } from "./cards";
import { taskKey } from "./queries";

// What a card may do: run its own scripts, as a stranger to this page and to the server.
const RIGHTS = "allow-scripts allow-downloads allow-popups allow-popups-to-escape-sandbox";
const LIVE_MILLISECONDS = 1_000;

interface CardFrameProps {
  task: TaskAddress;
  attempt: number;
  card: TaskCard;
  title: string;
}

/** A card's page. While its task runs it is told what changes, and loaded anew when that is not enough. */
export function CardFrame({ task, attempt, card, title }: CardFrameProps) {
  const query = useQuery({
    queryKey: [...taskKey(task), "card", attempt, card.hash, card.is_live],
    queryFn: async ({ signal }) =>
      body(
        await api.GET("/api/v1/task/card/data", {
          params: { query: { ...toQuery(task, attempt), card: card.hash } },
          parseAs: "json", // the scripts of cards know the numbers of JavaScript only
          signal,
        }),
      ),
    refetchInterval: (found) => (found.state.data?.is_complete === true ? false : LIVE_MILLISECONDS),
    staleTime: 0,
  });
  const token = query.data?.token;
  if (token === undefined) {
    return query.isError ? (
      <ErrorState title="The card cannot be shown" error={query.error} onRetry={() => void query.refetch()} />
    ) : (
      <div className={styles.coming} aria-busy="true" />
    );
  }
  const update = updateOf(query.data?.data ?? null, query.data?.is_complete ?? false);
  const source = addressOf("card", task, attempt, { card: card.hash, page: token });
  return <Frames source={source} title={title} update={update} />;
}

interface FramesProps {
  source: string;
  title: string;
  update: ReturnType<typeof updateOf>;
}

/** The page that is shown, and the one that is to take its place, which comes up behind it so that nothing flickers. */
function Frames({ source, title, update }: FramesProps) {
  const [loaded, setLoaded] = useState<string | null>(null);
  const shown = useRef<HTMLIFrameElement>(null);
  const top = useRef(0);
  useEffect(() => {
    if (loaded === null || update === null) return;
    // The frame's origin is opaque, so there is no other name for it; the data is that card's own.
    shown.current?.contentWindow?.postMessage(update, "*");
  }, [loaded, update]);
  useEffect(() => {
    const listen = ({ source: sender, data }: MessageEvent<unknown>) => {
      if (shown.current === null || sender !== shown.current.contentWindow) return;
      // All that a card is listened to for: how far it is scrolled.
      if (typeof data === "object" && data !== null && "type" in data && data.type === "metaflow-card-place") {
        top.current = "top" in data ? Number(data.top) || 0 : 0;
      }
    };
    window.addEventListener("message", listen);
    return () => window.removeEventListener("message", listen);
  }, []);
  const sources = loaded === null || loaded === source ? [source] : [loaded, source];
  return sources.map((each) => (
    <iframe
      key={each}
      ref={each === (loaded ?? source) ? shown : undefined}
      src={each}
      title={title}
      sandbox={RIGHTS}
      className={each === (loaded ?? source) ? styles.page : styles.behind}
      onLoad={(event) => {
        if (each !== source) return;
        const place = { type: "metaflow-card-place", top: top.current };
        event.currentTarget.contentWindow?.postMessage(place, "*");
        setLoaded(each);
      }}
    />
  ));
}
