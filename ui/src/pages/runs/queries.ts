import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import type { RunRow, RunRows } from "@/api/schema";
import { present } from "@/app/clock";
import { columnOf } from "./columns";
import { conditionText, endOf, momentOf, searchOf, type Filters } from "./filters";

const PAGE_SIZE = 50;
/** Most runs that the server takes by their names at once. */
export const MOST_KEYS = 100;

/** Which runs a list shows, in which order, with which values. */
export interface RunList {
  filters: Filters;
  order: string;
  /** Ids of columns that are values. */
  values: readonly string[];
}

/** A run's name in lists. */
export function keyOf(run: Pick<RunRow, "flow" | "run_id">): string {
  return `${run.flow}/${run.run_id}`;
}

/** The names in a key: a flow's has no slash. */
export function runOfKey(key: string): { flow: string; runId: string } {
  const slash = key.indexOf("/");
  return { flow: key.slice(0, slash), runId: key.slice(slash + 1) };
}

function parameters({ filters, order, values }: RunList) {
  const now = present();
  return {
    flow: [...filters.flow],
    user: [...filters.user],
    status: [...filters.status],
    project: [...filters.project],
    branch: [...filters.branch],
    tag: [...filters.tag],
    without_tag: [...filters.withoutTag],
    without_flow: [...filters.withoutFlow],
    where: filters.where.map(conditionText),
    column: values.filter((id) => columnOf(id)?.value !== undefined).slice(0, 30),
    ...(filters.text === "" ? {} : { text: filters.text }),
    ...(order === "" ? {} : { order }),
    ...named("since", momentOf(filters.since, now)),
    ...named("until", endOf(filters.until, now)),
  };
}

function named(name: "since" | "until", at: number | undefined): { since?: number; until?: number } {
  return at === undefined ? {} : { [name]: at };
}

export type RunPages = { pages: RunRows[]; pageParams: (string | null)[] };

/** The runs of a list, a page after the other; how many there are is told with the first page. */
export function runsQuery(list: RunList) {
  return infiniteQueryOptions({
    queryKey: ["runs", { ...list, filters: searchOf(list.filters) }] as const,
    queryFn: async ({ pageParam, signal }) => {
      const query = { ...parameters(list), limit: PAGE_SIZE };
      const more = pageParam === null ? { count: true } : { cursor: pageParam };
      return body(await api.GET("/api/v1/runs/find", { params: { query: { ...query, ...more } }, signal }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
  });
}

/** Those of some runs, at most `MOST_KEYS`, that a list shows, as they are now. */
export async function theseRuns(list: RunList, keys: readonly string[]): Promise<RunRow[]> {
  if (keys.length === 0) return [];
  const query = { ...parameters(list), run: [...keys], limit: MOST_KEYS };
  return body(await api.GET("/api/v1/runs/find", { params: { query } })).runs;
}

/** Names that have a text in them. */
export function facetsQuery(text: string, limit = 50) {
  return queryOptions({
    queryKey: ["facets", text, limit],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/runs/facets", { params: { query: { text, limit } }, signal })),
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  });
}

/** Flows at a glance. */
export function flowsQuery(limit: number) {
  return queryOptions({
    queryKey: ["flows", limit],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/flows/summary", { params: { query: { limit } }, signal })),
    placeholderData: keepPreviousData,
  });
}

/** Views that people saved. */
export const viewsQuery = queryOptions({
  queryKey: ["views"],
  queryFn: async ({ signal }) => body(await api.GET("/api/v1/views", { signal })).views,
  staleTime: 60_000,
});
