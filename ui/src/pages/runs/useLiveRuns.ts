import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState, type RefObject } from "react";
import { useAllEvents, type LiveEvent } from "@/api/events";
import type { RunRow } from "@/api/schema";
import { note, nothingHappened, patched, withMore, withinLoaded, type Happened } from "./live";
import { MOST_KEYS, keyOf, runsQuery, theseRuns, type RunList, type RunPages } from "./queries";

const PATCH_MILLISECONDS = 700;
const OVERVIEW_MILLISECONDS = 3_000;
/** So far from the top, new runs would move what somebody looks at. */
const AT_TOP_PIXELS = 8;

interface LiveRuns {
  /** Runs that have begun and are not shown yet. */
  waiting: number;
  /** Show them. */
  show: () => void;
}

/**
 * Keep a list as the runs are now: rows change in their places, and new ones come in at the top if that is where
 * somebody looks; else they wait.
 */
export function useLiveRuns(list: RunList, scroller: RefObject<HTMLDivElement | null>): LiveRuns {
  const queries = useQueryClient();
  const happened = useRef<Happened>(nothingHappened());
  const timer = useRef<number | undefined>(undefined);
  const current = useRef(list);
  const [waiting, setWaiting] = useState<{ list: RunList; rows: readonly RunRow[] }>({ list, rows: [] });
  const rows = useMemo(() => (waiting.list === list ? waiting.rows : []), [waiting, list]);

  useEffect(() => {
    current.current = list;
  }, [list]);
  useEffect(() => () => window.clearTimeout(timer.current), []);

  const catchUp = useCallback(async () => {
    timer.current = undefined;
    const asked = current.current;
    const found = happened.current;
    happened.current = nothingHappened();
    const isAtTop = (scroller.current?.scrollTop ?? 0) < AT_TOP_PIXELS;
    const fresh = await changedList(queries, asked, found, isAtTop);
    if (fresh.length > 0 && asked === current.current) {
      setWaiting((before) => ({ list: asked, rows: joined(before.list === asked ? before.rows : [], fresh) }));
    }
  }, [queries, scroller]);

  const onEvents = useCallback(
    (events: LiveEvent[]) => {
      note(happened.current, events);
      const { changed, forgotten, moved } = happened.current;
      if (changed.size > 0 || forgotten.size > 0) {
        timer.current ??= window.setTimeout(() => void catchUp().catch(() => undefined), PATCH_MILLISECONDS);
      }
      if (moved.size > 0 || forgotten.size > 0) refreshOverviews(queries);
    },
    [catchUp, queries],
  );
  const onReset = useCallback(() => void queries.invalidateQueries({ queryKey: ["runs"] }), [queries]);
  useAllEvents(onEvents, onReset);

  const show = useCallback(() => {
    const { queryKey } = runsQuery(list);
    if (list.order === "") queries.setQueryData<RunPages>(queryKey, (pages) => pages && withMore(pages, rows));
    else void queries.invalidateQueries({ queryKey });
    setWaiting({ list, rows: [] });
    scroller.current?.scrollTo({ top: 0 });
  }, [list, queries, rows, scroller]);
  return { waiting: rows.length, show };
}

/** Set a list right after what happened; gives new runs of it that are to wait. */
async function changedList(
  queries: QueryClient,
  list: RunList,
  { changed, moved, forgotten }: Happened,
  isAtTop: boolean,
): Promise<RunRow[]> {
  const { queryKey } = runsQuery(list);
  const before = queries.getQueryData<RunPages>(queryKey);
  if (before === undefined) return [];
  const loaded = new Set(before.pages.flatMap((page) => page.runs.map(keyOf)));
  const known = [...changed].filter((key) => loaded.has(key));
  const others = [...moved].filter((key) => !loaded.has(key));
  if (known.length + others.length > 2 * MOST_KEYS) {
    await queries.invalidateQueries({ queryKey });
    return [];
  }
  const [now, more] = await Promise.all([theseRuns(list, known, false), theseRuns(list, others, true)]);
  queries.setQueryData<RunPages>(queryKey, (pages) => pages && patched(pages, now, forgotten));
  if (more.length === 0) return [];
  if (list.order !== "") {
    if (!isAtTop) return more;
    await queries.invalidateQueries({ queryKey });
    return [];
  }
  const within = withinLoaded(before, more);
  if (!isAtTop) return within;
  queries.setQueryData<RunPages>(queryKey, (pages) => pages && withMore(pages, within));
  return [];
}

function joined(before: readonly RunRow[], more: readonly RunRow[]): RunRow[] {
  const all = new Map([...before, ...more].map((row) => [keyOf(row), row]));
  return [...all.values()];
}

let overviews: number | undefined;

/** Names, counts and flows at a glance need not follow at once. */
function refreshOverviews(queries: QueryClient): void {
  overviews ??= window.setTimeout(() => {
    overviews = undefined;
    void queries.invalidateQueries({ queryKey: ["flows"] });
    void queries.invalidateQueries({ queryKey: ["facets"] });
  }, OVERVIEW_MILLISECONDS);
}
