import { queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { pathspec, type RunKey } from "./search";

const LIVE_MILLISECONDS = 3_000;
const FOUND_RUNS = 30;

function named({ flow, runId }: RunKey) {
  return { flow, run_id: runId };
}

/** Runs side by side. The order of the runs makes no difference; what still runs is read again now and then. */
export function comparisonQuery(runs: readonly RunKey[]) {
  const sorted = [...runs].sort((one, other) => (pathspec(one) < pathspec(other) ? -1 : 1));
  return queryOptions({
    queryKey: ["compare", sorted.map(pathspec)],
    queryFn: async ({ signal }) =>
      body(await api.POST("/api/v1/compare", { body: { runs: sorted.map(named) }, signal })),
    enabled: runs.length > 0,
    refetchInterval: (query) =>
      query.state.data?.runs.some((run) => run.status === "running") === true ? LIVE_MILLISECONDS : false,
  });
}

export function codeQuery(before: RunKey, after: RunKey) {
  return queryOptions({
    queryKey: ["compare-code", before, after],
    queryFn: async ({ signal }) =>
      body(await api.POST("/api/v1/compare/code", { body: { before: named(before), after: named(after) }, signal })),
    staleTime: 60_000,
  });
}

export type ValueSection = "parameters" | "metrics" | "artifacts";

/** Whether the rows of a section are values that can be read as a whole. */
export function holdsValues(section: string): section is ValueSection {
  return section === "parameters" || section === "metrics" || section === "artifacts";
}

export function valueQuery(before: RunKey, after: RunKey, section: ValueSection, name: string) {
  return queryOptions({
    queryKey: ["compare-value", before, after, section, name],
    queryFn: async ({ signal }) =>
      body(
        await api.POST("/api/v1/compare/value", {
          body: { before: named(before), after: named(after), section, name },
          signal,
        }),
      ),
    staleTime: 60_000,
  });
}

/** Runs to choose from: the newest that meet what was typed. */
export function candidatesQuery(text: string) {
  return queryOptions({
    queryKey: ["compare-candidates", text],
    queryFn: async ({ signal }) => {
      const query = { limit: FOUND_RUNS, ...(text === "" ? {} : { text }) };
      return body(await api.GET("/api/v1/runs/find", { params: { query }, signal }));
    },
    placeholderData: (before) => before,
  });
}

/** Numbers of a flow over its last runs; without `fields`, the server chooses some that vary. */
export function historyQuery(flow: string, limit: number, fields: readonly string[]) {
  return queryOptions({
    queryKey: ["flow-history", flow, limit, fields],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/flow/history", { params: { query: { flow, limit, field: [...fields] } }, signal })),
  });
}
