import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef } from "react";
import { useRunEvents, type LiveEvent } from "@/api/events";
import { graphStateQuery } from "./queries";

/** The state is read again so often at most, in milliseconds, or after so many times what reading it took. */
const LEAST_PAUSE = 500;
const PAUSE_PER_READ = 4;
const TELLING = new Set(["task_started", "task_ended", "run_ended", "run_started"]);

/** How the steps of a run are doing, and go on doing. */
export function useLiveGraph(flow: string, runId: string) {
  const client = useQueryClient();
  const timer = useRef<number | undefined>(undefined);
  const pause = useRef(LEAST_PAUSE);

  const read = useCallback(async () => {
    const began = performance.now();
    await client.invalidateQueries({ queryKey: graphStateQuery(flow, runId).queryKey });
    pause.current = Math.max(LEAST_PAUSE, PAUSE_PER_READ * (performance.now() - began));
  }, [client, flow, runId]);
  const readSoon = useCallback(() => {
    timer.current ??= window.setTimeout(() => {
      void read().finally(() => (timer.current = undefined));
    }, pause.current);
  }, [read]);
  const onEvents = useCallback(
    (events: LiveEvent[]) => {
      if (events.some((event) => TELLING.has(event.kind))) readSoon();
    },
    [readSoon],
  );
  useEffect(() => () => window.clearTimeout(timer.current), []);
  useRunEvents(flow, runId, onEvents, readSoon);
  return useQuery(graphStateQuery(flow, runId));
}
