import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState, type RefObject } from "react";
import { useAllEvents, type LiveEvent } from "@/api/events";
import type { RunRow } from "@/api/schema";
import { bothHappened, goingOn, note, nothingHappened, patched, withMore, withinLoaded, type Happened } from "./live";
import { MOST_KEYS, keyOf, runsQuery, theseRuns, type RunList, type RunPages } from "./queries";

const PATCH_MILLISECONDS = 700;
const SILENCE_MILLISECONDS = 20_000;
const RETRY_MILLISECONDS = 3_000;
/** Names, counts and flows at a glance need not follow at once; the server counts names every five seconds at most. */
const OVERVIEWS = { flows: 3_000, facets: 6_000 };
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
  const isShown = useRef(false);
  useEffect(() => {
    isShown.current = true;
    return () => {
      isShown.current = false;
      window.clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, []);

  const catchUp = useCallback(async () => {
    timer.current = undefined;
    const asked = current.current;
    const found = happened.current;
    happened.current = nothingHappened();
    const isAtTop = (scroller.current?.scrollTop ?? 0) < AT_TOP_PIXELS;
    const fresh = await changedList(queries, asked, found, isAtTop).catch(() => null);
    if (fresh === null) {
      // What happened is not told again.
      happened.current = bothHappened(found, happened.current);
      if (isShown.current) timer.current ??= window.setTimeout(() => void catchUp(), RETRY_MILLISECONDS);
    } else if (fresh.length > 0 && asked === current.current) {
      setWaiting((before) => ({ list: asked, rows: joined(before.list === asked ? before.rows : [], fresh) }));
    }
  }, [queries, scroller]);

  const catchUpSoon = useCallback(() => {
    timer.current ??= window.setTimeout(() => void catchUp(), PATCH_MILLISECONDS);
  }, [catchUp]);

  const onEvents = useCallback(
    (events: LiveEvent[]) => {
      note(happened.current, events);
      const { changed, forgotten, moved } = happened.current;
      if (changed.size > 0 || forgotten.size > 0) catchUpSoon();
      if (moved.size > 0 || forgotten.size > 0) refreshOverviews(queries);
    },
    [catchUpSoon, queries],
  );
  useEffect(() => {
    // No event tells that nothing was heard of a run.
    const regular = window.setInterval(() => {
      const going = goingOn(queries.getQueryData<RunPages>(runsQuery(current.current).queryKey));
      for (const key of going.slice(0, MOST_KEYS)) happened.current.changed.add(key);
      if (going.length > 0) catchUpSoon();
    }, SILENCE_MILLISECONDS);
    return () => window.clearInterval(regular);
  }, [catchUpSoon, queries]);
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

/** Set a list right after what happened; gives new runs of it that are to wait, or null if it is not there yet. */
async function changedList(
  queries: QueryClient,
  list: RunList,
  { changed, moved, forgotten }: Happened,
  isAtTop: boolean,
): Promise<RunRow[] | null> {
  const { queryKey } = runsQuery(list);
  const before = queries.getQueryData<RunPages>(queryKey);
  if (before === undefined) return queries.getQueryState(queryKey)?.status === "error" ? [] : null;
  const loaded = new Set(before.pages.flatMap((page) => page.runs.map(keyOf)));
  const known = [...changed].filter((key) => loaded.has(key));
  const others = [...moved].filter((key) => !loaded.has(key));
  if (known.length > MOST_KEYS || others.length > MOST_KEYS) {
    await queries.invalidateQueries({ queryKey });
    return [];
  }
  const [now, more] = await Promise.all([theseRuns(list, known), theseRuns(list, others)]);
  const still = new Set(now.map(keyOf));
  const gone = new Set([...forgotten, ...known.filter((key) => !still.has(key))]);
  queries.setQueryData<RunPages>(queryKey, (pages) => pages && patched(pages, now, gone));
  const isSortedAnew = list.order !== "" && known.some((key) => moved.has(key));
  if (isAtTop && (isSortedAnew || (list.order !== "" && more.length > 0))) {
    await queries.invalidateQueries({ queryKey });
    return [];
  }
  if (more.length === 0 || list.order !== "") return more;
  const within = withinLoaded(before, more);
  if (!isAtTop) return within;
  queries.setQueryData<RunPages>(queryKey, (pages) => pages && withMore(pages, within));
  return [];
}

function joined(before: readonly RunRow[], more: readonly RunRow[]): RunRow[] {
  const all = new Map([...before, ...more].map((row) => [keyOf(row), row]));
  return [...all.values()];
}

const refreshing = new Set<string>();

function refreshOverviews(queries: QueryClient): void {
  for (const [key, milliseconds] of Object.entries(OVERVIEWS)) {
    if (refreshing.has(key)) continue;
    refreshing.add(key);
    window.setTimeout(() => {
      refreshing.delete(key);
      void queries.invalidateQueries({ queryKey: [key] });
    }, milliseconds);
  }
}
