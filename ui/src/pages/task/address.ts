import { one, type Search } from "@/app/search";

/** Which task a page is about. */
export interface TaskAddress {
  flow: string;
  runId: string;
  step: string;
  taskId: string;
}

export const TABS = ["logs", "artifacts", "lineage", "metadata", "cards", "resources"] as const;
export type TaskTab = (typeof TABS)[number];

/** The view that the address names; undefined if it names none, so that the task's state decides. */
export function tabOf(search: Search): TaskTab | undefined {
  const named = one(search, "tab");
  return TABS.find((tab) => tab === named);
}

/** What is shown first: what it prints while it runs or when it failed, else what it left. */
export function firstTab(status: string): TaskTab {
  return status === "done" ? "artifacts" : "logs";
}

/** The search of a neighbour's page: the same view, without what is of this task alone. */
export function searchOfSibling(search: Search): Search {
  return { ...search, attempt: undefined, artifact: undefined };
}

/** A whole number from 0 on in the address; undefined for anything else. */
export function countOf(search: Search, name: string): number | undefined {
  const text = one(search, name);
  return text !== undefined && /^\d{1,4}$/.test(text) ? Number(text) : undefined;
}

/** The task's address as the server's routes take it. */
export function toQuery(task: TaskAddress, attempt?: number) {
  const query = { flow: task.flow, run_id: task.runId, step: task.step, task_id: task.taskId };
  return attempt === undefined ? query : { ...query, attempt };
}

/** The address of something that is loaded as a whole: a picture, a file, the page of a card. */
export function addressOf(path: string, task: TaskAddress, attempt: number, more: Record<string, string>): string {
  const query = new URLSearchParams({
    flow: task.flow,
    run_id: task.runId,
    step: task.step,
    task_id: task.taskId,
    attempt: String(attempt),
    ...more,
  });
  return `/api/v1/task/${path}?${query.toString()}`;
}
