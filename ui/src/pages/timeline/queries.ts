import { queryOptions, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef } from "react";
import { api, body } from "@/api/client";
import { useRunEvents, type LiveEvent } from "@/api/events";
import { merged, modelOf, type TimelineModel } from "./model";

/** Changes are asked for at most so often; for runs whose changes take the server long, less often still. */
const CATCH_UP_MILLISECONDS = 400;
/** The part of the time that asking for changes may take. */
const SHARE = 0.1;

const asked = new Set(["task_started", "task_ended", "run_ended"]);

/** All attempts of a run. */
export function timelineQuery(flow: string, runId: string) {
  return queryOptions({
    queryKey: ["run", flow, runId, "timeline"],
    queryFn: ({ signal }) => readAll(flow, runId, signal),
    // What changes is asked for when something happens.
    staleTime: Infinity,
    structuralSharing: false,
  });
}

async function readAll(flow: string, runId: string, signal: AbortSignal): Promise<TimelineModel> {
  const query = { flow, run_id: runId };
  const answer = body(await api.GET("/api/v1/run/timeline", { params: { query }, signal }));
  return modelOf(answer, Date.now());
}

async function readChanges(flow: string, runId: string, model: TimelineModel): Promise<TimelineModel | null> {
  const query = { flow, run_id: runId, since: model.cursor };
  const answer = body(await api.GET("/api/v1/run/timeline", { params: { query } }));
  return merged(model, answer, Date.now());
}

/** What decided when the run ended. */
export function criticalPathQuery(flow: string, runId: string, isWanted: boolean, isRunning: boolean) {
  return queryOptions({
    queryKey: ["run", flow, runId, "critical-path"],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/run/critical-path", { params: { query: { flow, run_id: runId } }, signal })),
    enabled: isWanted,
    refetchInterval: isRunning ? 15_000 : false,
  });
}

/** Keep the timeline of a run up to date while it is shown. */
export function useLiveTimeline(flow: string, runId: string): void {
  const client = useQueryClient();
  const timer = useRef<number | undefined>(undefined);
  const busy = useRef(false);
  const again = useRef(false);
  const gap = useRef(CATCH_UP_MILLISECONDS);

  const catchUp = useCallback(async () => {
    timer.current = undefined;
    const { queryKey } = timelineQuery(flow, runId);
    const model = client.getQueryData<TimelineModel>(queryKey);
    if (model === undefined) return;
    busy.current = true;
    const began = performance.now();
    try {
      const after = await readChanges(flow, runId, model);
      if (after === null) await client.invalidateQueries({ queryKey });
      else client.setQueryData(queryKey, after);
    } catch {
      // The next event, or the events that are caught up with when the server is back, lead here again.
    } finally {
      busy.current = false;
      gap.current = Math.max(CATCH_UP_MILLISECONDS, (performance.now() - began) / SHARE);
      if (again.current) {
        again.current = false;
        timer.current = window.setTimeout(() => void catchUp(), gap.current);
      }
    }
  }, [client, flow, runId]);

  const listener = useCallback(
    (events: LiveEvent[]) => {
      if (!events.some(({ kind }) => asked.has(kind))) return;
      if (events.some(({ kind }) => kind === "run_ended")) {
        void client.invalidateQueries({ queryKey: ["run", flow, runId, "critical-path"] });
      }
      if (busy.current) again.current = true;
      else timer.current ??= window.setTimeout(() => void catchUp(), CATCH_UP_MILLISECONDS);
    },
    [catchUp, client, flow, runId],
  );
  const onReset = useCallback(
    () => void client.invalidateQueries({ queryKey: ["run", flow, runId] }),
    [client, flow, runId],
  );
  useRunEvents(flow, runId, listener, onReset);
  useEffect(() => () => window.clearTimeout(timer.current), []);
}
