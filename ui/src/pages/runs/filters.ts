import { one, several, type Search } from "@/app/search";
import type { Status } from "@/components/StatusBadge";
import { readJson, writeJson } from "@/format/json";

export type RunStatus = Extract<Status, "running" | "done" | "failed" | "stopped">;
/** A whole number beyond what JavaScript's numbers hold exactly is a bigint. */
export type Scalar = string | number | bigint | boolean | null;
export type ValueKind = "parameter" | "artifact";
export type Operator = "=" | "!=" | "<" | "<=" | ">" | ">=";

/** What a parameter of a run, or an artifact of its last step, must be. */
export interface ValueFilter {
  kind: ValueKind;
  name: string;
  operator: Operator;
  operand: Scalar;
}

/** Names by which runs are filtered: of each kind any one, of all kinds each must hold. */
export interface Filters {
  status: readonly RunStatus[];
  flow: readonly string[];
  user: readonly string[];
  project: readonly string[];
  branch: readonly string[];
  /** Runs must have all of these. */
  tag: readonly string[];
  /** Runs must have none of these. */
  withoutTag: readonly string[];
  /** Runs must be of none of these. */
  withoutFlow: readonly string[];
  where: readonly ValueFilter[];
  text: string;
  /** A length of time such as `7d`, `today`, or a day or moment such as `2026-03-07`. */
  since: string;
  /** The same; a day counts as a whole, so that `2026-03-01` to `2026-03-07` is a week. */
  until: string;
}

export type NameKind = "flow" | "user" | "project" | "branch" | "tag" | "withoutTag" | "withoutFlow";

export const STATUSES: readonly RunStatus[] = ["running", "done", "failed", "stopped"];
export const OPERATORS: readonly Operator[] = ["=", "!=", "<", "<=", ">", ">="];
const NAME_KINDS: readonly NameKind[] = ["flow", "user", "project", "branch", "tag", "withoutTag", "withoutFlow"];
const ADDRESS_NAMES: Readonly<Record<NameKind, string>> = {
  flow: "flow",
  user: "user",
  project: "project",
  branch: "branch",
  tag: "tag",
  withoutTag: "without",
  withoutFlow: "without_flow",
};

export const NO_FILTERS: Filters = {
  status: [],
  flow: [],
  user: [],
  project: [],
  branch: [],
  tag: [],
  withoutTag: [],
  withoutFlow: [],
  where: [],
  text: "",
  since: "",
  until: "",
};

/** The filters that an address holds; what it holds that is none is left out. */
export function filtersOf(search: Search): Filters {
  const names = Object.fromEntries(NAME_KINDS.map((kind) => [kind, several(search, ADDRESS_NAMES[kind])]));
  return {
    ...NO_FILTERS,
    ...(names as Record<NameKind, string[]>),
    status: several(search, "status").filter((status): status is RunStatus => isStatus(status)),
    where: several(search, "where").flatMap((text) => conditionOf(text) ?? []),
    text: one(search, "text") ?? "",
    since: one(search, "since") ?? "",
    until: one(search, "until") ?? "",
  };
}

/** The part of an address that holds the filters; all of their names, so that it can be laid over another one. */
export function searchOf(filters: Filters): Search {
  const search: Search = {
    status: listed(filters.status),
    where: listed(filters.where.map(conditionText)),
    text: filters.text || undefined,
    since: filters.since || undefined,
    until: filters.until || undefined,
  };
  for (const kind of NAME_KINDS) search[ADDRESS_NAMES[kind]] = listed(filters[kind]);
  return search;
}

function listed(values: readonly string[]): string[] | undefined {
  return values.length > 0 ? [...values] : undefined;
}

export function isStatus(text: string): boolean {
  return (STATUSES as readonly string[]).includes(text);
}

/** A condition as addresses and the server have it: `parameter:lr:>:0.01`. */
export function conditionText({ kind, name, operator, operand }: ValueFilter): string {
  return `${kind}:${name}:${operator}:${writeJson(operand)}`;
}

function conditionOf(text: string): ValueFilter | null {
  const [kind, name, operator, ...rest] = text.split(":");
  if ((kind !== "parameter" && kind !== "artifact") || !name || !OPERATORS.includes(operator as Operator)) return null;
  try {
    const operand = readJson(rest.join(":"));
    return isScalar(operand) ? { kind, name, operator: operator as Operator, operand } : null;
  } catch {
    return null;
  }
}

function isScalar(value: unknown): value is Scalar {
  return value === null || ["string", "number", "bigint", "boolean"].includes(typeof value);
}

export function hasFilters(filters: Filters): boolean {
  return Object.values(searchOf(filters)).some((value) => value !== undefined);
}

/** One thing that is asked of runs, as a chip shows it; `without` gives the filters that are left when it goes. */
export interface Chip {
  key: string;
  label: string;
  value: string;
  without: Filters;
}

const LABELS: Readonly<Record<NameKind, string>> = {
  flow: "flow",
  user: "user",
  project: "project",
  branch: "branch",
  tag: "tag",
  withoutTag: "without tag",
  withoutFlow: "without flow",
};

/** The filters one by one; text is not among them, as the search field shows it. */
export function chipsOf(filters: Filters): Chip[] {
  const chips: Chip[] = filters.status.map((status) => ({
    key: `status:${status}`,
    label: "status",
    value: status,
    without: { ...filters, status: filters.status.filter((each) => each !== status) },
  }));
  for (const kind of NAME_KINDS) {
    for (const name of filters[kind]) chips.push(nameChip(filters, kind, name));
  }
  for (const condition of filters.where) {
    const { kind, name, operator, operand } = condition;
    chips.push({
      key: conditionText(condition),
      label: kind === "parameter" ? "parameter" : "artifact",
      value: `${name} ${operator} ${typeof operand === "string" ? operand : writeJson(operand)}`,
      without: { ...filters, where: filters.where.filter((each) => each !== condition) },
    });
  }
  if (filters.since !== "" || filters.until !== "") {
    chips.push({
      key: "time",
      label: "started",
      value: timeText(filters),
      without: { ...filters, since: "", until: "" },
    });
  }
  return chips;
}

function nameChip(filters: Filters, kind: NameKind, name: string): Chip {
  const left = filters[kind].filter((each) => each !== name);
  return { key: `${kind}:${name}`, label: LABELS[kind], value: name, without: { ...filters, [kind]: left } };
}

const LENGTH = /^(\d{1,5})(m|h|d|w)$/;
const UNIT_SECONDS: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400, w: 604_800 };
const DAY = /^\d{4}-\d\d-\d\d$/;
const UNIT_WORDS: Readonly<Record<string, string>> = { m: "minute", h: "hour", d: "day", w: "week" };

/** The time that filters ask for, in words: `last 7 days`, `2026-03-01 to 2026-03-07`. */
export function timeText({ since, until }: Pick<Filters, "since" | "until">): string {
  const length = LENGTH.exec(since);
  const unit = UNIT_WORDS[length?.[2] ?? ""] ?? "";
  const from = length === null ? since : `last ${length[1] === "1" ? unit : `${length[1]} ${unit}s`}`;
  if (until === "") return length === null && since !== "today" ? `since ${from}` : from;
  if (since === until) return since;
  if (since === "") return DAY.test(until) ? `until ${until}` : `before ${until}`;
  return `${since} to ${until}`;
}

/** The moment that a filter names, in seconds since the epoch; undefined if it names none. */
export function momentOf(text: string, now: number): number | undefined {
  const length = LENGTH.exec(text);
  if (length !== null) return now - Number(length[1]) * (UNIT_SECONDS[length[2] ?? ""] ?? 0);
  if (text === "today") return new Date(now * 1000).setHours(0, 0, 0, 0) / 1000;
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?$/.test(text)) return undefined;
  // A day alone would be read as one of Greenwich.
  const milliseconds = new Date(text.includes("T") ? text : `${text}T00:00`).getTime();
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
}

/** The moment before which runs must have started: of a day, its end. */
export function endOf(text: string, now: number): number | undefined {
  return momentOf(DAY.test(text) ? dayAfter(text) : text, now);
}

/** The day that follows one. */
export function dayAfter(day: string): string {
  const date = new Date(`${day}T00:00Z`);
  if (Number.isNaN(date.getTime())) return day;
  date.setUTCDate(date.getUTCDate() + 1);
  return date.toISOString().slice(0, 10);
}

/** Whether a text names a whole day. */
export function isDay(text: string): boolean {
  return DAY.test(text) && isMoment(text);
}

/** Whether a text names a time from which runs may be asked for. */
export function isMoment(text: string): boolean {
  return momentOf(text, 0) !== undefined;
}

/** Add a name to a filter, or take it away if it is there. */
export function toggled(filters: Filters, kind: NameKind | "status", name: string): Filters {
  const before: readonly string[] = filters[kind];
  const after = before.includes(name) ? before.filter((each) => each !== name) : [...before, name];
  return { ...filters, [kind]: after };
}
