import { QueryCache, QueryClient, queryOptions } from "@tanstack/react-query";
import { ApiError, api, body } from "./client";

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError(error, query) {
      // Whoever is signed out, by himself elsewhere or by the server, is asked to sign in.
      if (error instanceof ApiError && error.status === 401 && query.queryKey[0] !== "app")
        void queryClient.invalidateQueries({ queryKey: ["app"] });
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (failures, error) => error instanceof ApiError && error.isPassing && failures < 3,
      retryDelay: (failures) => Math.min(500 * 2 ** failures, 5_000),
      refetchOnWindowFocus: true,
    },
  },
});

/** What the app is, and what the one who looks may do. */
export const appQuery = queryOptions({
  queryKey: ["app"],
  queryFn: async ({ signal }) => body(await api.GET("/api/v1/app", { signal })),
  staleTime: 60_000,
});

/** One run's record. Keys of all queries about a run begin with `["run", flow, runId]`. */
export function runQuery(flow: string, runId: string) {
  return queryOptions({
    queryKey: ["run", flow, runId, "record"],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/run", { params: { query: { flow, run_id: runId } }, signal })),
  });
}
