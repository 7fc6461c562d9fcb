import type { RunTask } from "@/api/schema";
import { one, several, type Search } from "@/app/search";
import type { Selection } from "@/app/selection";

/** The views of a run's page, in the order of their keys 1 to 6. */
export const VIEWS = ["overview", "timeline", "graph", "tasks", "logs", "code"] as const;
export type View = (typeof VIEWS)[number];

export type TaskStatus = RunTask["status"];
/** Statuses of tasks, what matters most first. */
export const STATUSES: readonly TaskStatus[] = ["failed", "killed", "caught", "running", "done"];

export const ORDERS = ["started_at", "finished_at", "duration", "step", "status"] as const;
export type TaskOrder = (typeof ORDERS)[number];

/** Which tasks the table shows, and in which order. */
export interface TaskFilter {
  steps: string[];
  statuses: TaskStatus[];
  text: string;
  order: TaskOrder;
  descending: boolean;
}

/** What the code view shows: a file, or in what the code differs. */
export interface CodePlace {
  file?: string | undefined;
  line?: number | undefined;
  /** `commit`, `success` or the id of a run; undefined for the source itself. */
  against?: string | undefined;
}

export function viewOf(search: Search): View {
  const named = one(search, "view");
  return VIEWS.find((view) => view === named) ?? "overview";
}

export function selectionOf(search: Search): Selection | null {
  const step = one(search, "step");
  if (step === undefined || step === "") return null;
  return { step, taskId: one(search, "task"), attempt: wholeNumber(one(search, "attempt")) };
}

export function searchOfSelection(selection: Selection | null): Search {
  return {
    step: selection?.step,
    task: selection?.taskId,
    attempt: selection?.attempt === undefined ? undefined : String(selection.attempt),
  };
}

export function taskFilterOf(search: Search): TaskFilter {
  const sort = one(search, "sort") ?? "";
  const order = ORDERS.find((each) => each === sort.replace(/^-/, ""));
  return {
    steps: several(search, "in"),
    statuses: STATUSES.filter((status) => several(search, "status").includes(status)),
    text: one(search, "text") ?? "",
    order: order ?? "started_at",
    descending: order !== undefined && sort.startsWith("-"),
  };
}

export function searchOfTaskFilter(filter: TaskFilter): Search {
  const isPlain = filter.order === "started_at" && !filter.descending;
  return {
    in: filter.steps.length > 0 ? filter.steps : undefined,
    status: filter.statuses.length > 0 ? filter.statuses : undefined,
    text: filter.text === "" ? undefined : filter.text,
    sort: isPlain ? undefined : `${filter.descending ? "-" : ""}${filter.order}`,
  };
}

export function codePlaceOf(search: Search): CodePlace {
  return { file: one(search, "file"), line: wholeNumber(one(search, "line")), against: one(search, "against") };
}

export function searchOfCodePlace(place: CodePlace): Search {
  return {
    file: place.file,
    line: place.line === undefined ? undefined : String(place.line),
    against: place.against,
  };
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
