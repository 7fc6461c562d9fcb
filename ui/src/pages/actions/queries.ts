import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import type { ActionEntry, StartWish } from "@/api/schema";

/** Tags to offer while somebody types one. */
export function knownTagsQuery(flow: string | undefined) {
  return queryOptions({
    queryKey: ["actions", "known-tags", flow ?? ""],
    queryFn: async ({ signal }) =>
      body(
        await api.GET("/api/v1/actions/known-tags", { params: { query: flow === undefined ? {} : { flow } }, signal }),
      ),
    staleTime: 30_000,
  });
}

/** What must be known to resume a run. */
export function resumeFactsQuery(flow: string, runId: string) {
  return queryOptions({
    queryKey: ["run", flow, runId, "resume"],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/actions/resume", { params: { query: { flow, run_id: runId } }, signal })),
  });
}

/** Flows in the project's directory. */
export const startableQuery = queryOptions({
  queryKey: ["actions", "startable"],
  queryFn: async ({ signal }) => body(await api.GET("/api/v1/startable", { signal })),
});

/** What can be filled in to start the flow in a file. */
export function startFormQuery(file: string) {
  return queryOptions({
    queryKey: ["actions", "form", file],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/startable/form", { params: { query: { file } }, signal })),
    retry: false,
  });
}

/** What a past run was given. */
export function pastValuesQuery(file: string, flow: string, runId: string) {
  return queryOptions({
    queryKey: ["actions", "past-values", file, flow, runId],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/startable/values", { params: { query: { file, flow, run_id: runId } }, signal })),
    staleTime: Infinity,
    retry: false,
  });
}

/** The command that would start what is filled in. */
export function startCommandQuery(wish: StartWish) {
  return queryOptions({
    queryKey: ["actions", "start-command", wish],
    queryFn: async ({ signal }) => body(await api.POST("/api/v1/actions/start/command", { body: wish, signal })),
    retry: false,
    gcTime: 10_000,
  });
}

export interface ActivityFilter {
  who: string | undefined;
  action: ActionEntry["action"] | undefined;
  flow: string | undefined;
  runId: string | undefined;
}

/** Who did what, newest first, a page at a time. */
export function activityQuery({ who, action, flow, runId }: ActivityFilter) {
  return infiniteQueryOptions({
    queryKey: ["actions", "log", who ?? "", action ?? "", flow ?? "", runId ?? ""],
    queryFn: async ({ pageParam, signal }) =>
      body(
        await api.GET("/api/v1/actions/log", {
          params: {
            query: {
              limit: 50,
              ...(pageParam === "" ? {} : { cursor: pageParam }),
              ...(who === undefined ? {} : { who }),
              ...(action === undefined ? {} : { action }),
              ...(flow === undefined ? {} : { flow }),
              ...(runId === undefined ? {} : { run_id: runId }),
            },
          },
          signal,
        }),
      ),
    // What others do is not told of by the events of runs alone.
    refetchInterval: 15_000,
    initialPageParam: "",
    getNextPageParam: (page) => page.next ?? undefined,
  });
}
