import { queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";

/** The graph of a run, laid out. It never changes while the run goes on. */
export function graphQuery(flow: string, runId: string, across: boolean) {
  return queryOptions({
    queryKey: ["run", flow, runId, "graph", across],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/run/graph", { params: { query: { flow, run_id: runId, across } }, signal })),
    staleTime: Infinity,
  });
}

/** How its steps are doing. */
export function graphStateQuery(flow: string, runId: string) {
  return queryOptions({
    queryKey: ["run", flow, runId, "graph-state"],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/run/graph/state", { params: { query: { flow, run_id: runId } }, signal })),
  });
}

export const SHOWN_TASKS = 8;

/** The newest tasks of a step; `version` changes when there is something new. */
export function newestTasksQuery(flow: string, runId: string, step: string, version: string) {
  return queryOptions({
    queryKey: ["run", flow, runId, "graph-tasks", step, version],
    queryFn: async ({ signal }) =>
      body(
        await api.GET("/api/v1/tasks", {
          params: { query: { flow, run_id: runId, step, limit: SHOWN_TASKS } },
          signal,
        }),
      ),
    placeholderData: (before) => before,
  });
}
