import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { toQuery, type TaskAddress } from "./address";

/** What all queries about a task begin with. */
export function taskKey(task: TaskAddress) {
  return ["run", task.flow, task.runId, "task", task.step, task.taskId] as const;
}

// Events tell when something has changed; asking again now and then is for those that were never recorded.
const RUNNING_MILLISECONDS = 10_000;
const RESOURCES_MILLISECONDS = 2_000;
const CARDS_MILLISECONDS = 3_000;

function hashKey(key: readonly unknown[] | undefined): string {
  return JSON.stringify(key);
}

export function taskQuery(task: TaskAddress, attempt: number | undefined) {
  const about = [...taskKey(task), "facts"] as const;
  return queryOptions({
    queryKey: [...about, attempt],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/task", { params: { query: toQuery(task, attempt) }, signal })),
    // One attempt stands in for another of the same task, but never a task for another one.
    placeholderData: (before, query) => (hashKey(query?.queryKey.slice(0, -1)) === hashKey(about) ? before : undefined),
    refetchInterval: (query) => (query.state.data?.task.status === "running" ? RUNNING_MILLISECONDS : false),
  });
}

export type ArtifactOrder = "state" | "name" | "type" | "size";

export interface ArtifactFilter {
  search: string;
  isPrivate: boolean;
  order: ArtifactOrder;
}

export function artifactsQuery(task: TaskAddress, attempt: number, filter: ArtifactFilter) {
  return infiniteQueryOptions({
    queryKey: [...taskKey(task), "artifacts", attempt, filter],
    initialPageParam: 0,
    queryFn: async ({ signal, pageParam }) =>
      body(
        await api.GET("/api/v1/task/artifacts", {
          params: {
            query: {
              ...toQuery(task, attempt),
              search: filter.search,
              private: filter.isPrivate,
              order: filter.order,
              offset: pageParam,
            },
          },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  });
}

export function artifactQuery(task: TaskAddress, attempt: number, name: string) {
  return queryOptions({
    queryKey: [...taskKey(task), "artifact", attempt, name],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/task/artifact", { params: { query: { ...toQuery(task, attempt), name } }, signal })),
    staleTime: Infinity, // what an attempt has left never changes
  });
}

export function sameValuesQuery(task: TaskAddress, attempt: number, name: string) {
  return queryOptions({
    queryKey: [...taskKey(task), "same", attempt, name],
    queryFn: async ({ signal }) =>
      body(
        await api.GET("/api/v1/task/artifact/same", { params: { query: { ...toQuery(task, attempt), name } }, signal }),
      ),
    staleTime: 60_000,
  });
}

const FIRST_TEXT_BYTES = 4 * 1024;
const MORE_TEXT_BYTES = 128 * 1024;

export function textQuery(task: TaskAddress, attempt: number, name: string) {
  return infiniteQueryOptions({
    queryKey: [...taskKey(task), "text", attempt, name],
    initialPageParam: 0,
    queryFn: async ({ signal, pageParam }) =>
      body(
        await api.GET("/api/v1/task/artifact/text", {
          params: {
            query: {
              ...toQuery(task, attempt),
              name,
              offset: pageParam,
              limit: pageParam === 0 ? FIRST_TEXT_BYTES : MORE_TEXT_BYTES,
            },
          },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next ?? undefined,
    staleTime: Infinity,
  });
}

export function lineageQuery(task: TaskAddress, attempt: number, up: number, down: number) {
  return queryOptions({
    queryKey: [...taskKey(task), "lineage", attempt, up, down],
    queryFn: async ({ signal }) =>
      body(
        await api.GET("/api/v1/task/lineage", { params: { query: { ...toQuery(task, attempt), up, down } }, signal }),
      ),
    placeholderData: keepPreviousData,
  });
}

export function metadataQuery(task: TaskAddress) {
  return queryOptions({
    queryKey: [...taskKey(task), "metadata"],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/task/metadata", { params: { query: toQuery(task) }, signal })),
  });
}

export function cardsQuery(task: TaskAddress, attempt: number, isRunning: boolean) {
  return queryOptions({
    queryKey: [...taskKey(task), "cards", attempt],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/task/cards", { params: { query: toQuery(task, attempt) }, signal })),
    refetchInterval: isRunning ? CARDS_MILLISECONDS : false,
  });
}

export function resourcesQuery(task: TaskAddress, attempt: number, isRunning: boolean) {
  return queryOptions({
    queryKey: [...taskKey(task), "resources", attempt],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/task/resources", { params: { query: toQuery(task, attempt) }, signal })),
    refetchInterval: isRunning ? RESOURCES_MILLISECONDS : false,
    placeholderData: keepPreviousData,
  });
}
