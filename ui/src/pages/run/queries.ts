import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import type { TaskFilter } from "./search";

/** Tasks of one page of the table. */
const TASKS_PER_PAGE = 500;

const about = (flow: string, runId: string) => ({ flow, run_id: runId });

export function detailsQuery(flow: string, runId: string) {
  return queryOptions({
    queryKey: ["run", flow, runId, "details"],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/run/details", { params: { query: about(flow, runId) }, signal })),
    // Other runs of the flow are in it too, of which the run's own events say nothing.
    refetchInterval: 15_000,
  });
}

export function failureQuery(flow: string, runId: string) {
  return queryOptions({
    queryKey: ["run", flow, runId, "failure"],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/run/failure", { params: { query: about(flow, runId) }, signal })),
  });
}

/** What changed since another run of the flow; without `base`, since the last success. */
export function changesQuery(flow: string, runId: string, base?: string) {
  return queryOptions({
    queryKey: ["run", flow, runId, "changes", base ?? null],
    queryFn: async ({ signal }) => {
      const query = base === undefined ? about(flow, runId) : { ...about(flow, runId), base };
      return body(await api.GET("/api/v1/run/changes", { params: { query }, signal })).changes;
    },
  });
}

export function stepsQuery(flow: string, runId: string) {
  return queryOptions({
    queryKey: ["run", flow, runId, "steps"],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/run/steps", { params: { query: about(flow, runId) }, signal })).steps,
  });
}

export function resultsQuery(flow: string, runId: string) {
  return queryOptions({
    queryKey: ["run", flow, runId, "results"],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/run/results", { params: { query: about(flow, runId) }, signal })),
  });
}

async function readTasks(flow: string, runId: string, filter: TaskFilter, cursor: string | null, signal: AbortSignal) {
  const query = {
    ...about(flow, runId),
    step: filter.steps,
    status: filter.statuses,
    text: filter.text,
    order: filter.order,
    descending: filter.descending,
    limit: TASKS_PER_PAGE,
    cursor,
  };
  return body(await api.GET("/api/v1/run/tasks", { params: { query }, signal }));
}

/** A task in the table. */
export type TaskRow = Awaited<ReturnType<typeof readTasks>>["tasks"][number];

export function tasksQuery(flow: string, runId: string, filter: TaskFilter) {
  return infiniteQueryOptions({
    queryKey: ["run", flow, runId, "tasks", filter],
    initialPageParam: null as string | null,
    queryFn: ({ signal, pageParam }) => readTasks(flow, runId, filter, pageParam, signal),
    getNextPageParam: (page) => page.next,
    placeholderData: (before) => before,
  });
}

export function codeFilesQuery(flow: string, runId: string) {
  return queryOptions({
    queryKey: ["run", flow, runId, "code"],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/run/code/files", { params: { query: about(flow, runId) }, signal })),
    staleTime: Infinity, // the code of a run never changes
  });
}

export function codeFileQuery(flow: string, runId: string, path: string) {
  return queryOptions({
    queryKey: ["run", flow, runId, "code", "file", path],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/run/code/file", { params: { query: { ...about(flow, runId), path } }, signal })),
    staleTime: Infinity,
  });
}

export function codeChangesQuery(flow: string, runId: string, against: string) {
  return queryOptions({
    queryKey: ["run", flow, runId, "code", "changes", against],
    queryFn: async ({ signal }) =>
      body(
        await api.GET("/api/v1/run/code/changes", { params: { query: { ...about(flow, runId), against } }, signal }),
      ),
  });
}

/** Where the whole code of a run can be downloaded. */
export function archiveAddress(flow: string, runId: string): string {
  return `/api/v1/run/code/archive?${new URLSearchParams(about(flow, runId)).toString()}`;
}
