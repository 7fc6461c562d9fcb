import type { LiveEvent } from "@/api/events";
import type { RunRow, RunRows } from "@/api/schema";
import { keyOf, type RunPages } from "./queries";

/** What happened since the list was last set right. */
export interface Happened {
  /** Runs of which something changed. */
  changed: Set<string>;
  /** Runs that began, ended or got other tags: whether the list shows them may have changed. */
  moved: Set<string>;
  forgotten: Set<string>;
}

export function nothingHappened(): Happened {
  return { changed: new Set(), moved: new Set(), forgotten: new Set() };
}

const MOVING = new Set(["run_started", "run_ended", "tags_changed"]);

/** Note what events say. */
export function note(happened: Happened, events: readonly LiveEvent[]): void {
  for (const event of events) {
    if (event.kind === "heartbeat") continue;
    const key = keyOfEvent(event);
    if (key === null) continue;
    if (event.kind === "run_forgotten") {
      happened.forgotten.add(key);
      happened.changed.delete(key);
      happened.moved.delete(key);
      continue;
    }
    happened.forgotten.delete(key);
    happened.changed.add(key);
    if (MOVING.has(event.kind)) happened.moved.add(key);
  }
}

function keyOfEvent({ data }: LiveEvent): string | null {
  for (const subject of [data.run, data.task, data]) {
    if (typeof subject === "object" && subject !== null && "flow" in subject && "run_id" in subject) {
      return keyOf({ flow: String(subject.flow), run_id: String(subject.run_id) });
    }
  }
  return null;
}

/** Runs of a list that go on, as far as it is loaded. */
export function goingOn(pages: RunPages | undefined): string[] {
  const rows = pages?.pages.flatMap((page) => page.runs) ?? [];
  return rows.filter((row) => row.status === "running").map(keyOf);
}

/** What happened at two times, as one; what was forgotten later than it changed is gone. */
export function bothHappened(before: Happened, after: Happened): Happened {
  const left = (keys: ReadonlySet<string>) => [...keys].filter((key) => !after.forgotten.has(key));
  return {
    changed: new Set([...left(before.changed), ...after.changed]),
    moved: new Set([...left(before.moved), ...after.moved]),
    forgotten: new Set([...[...before.forgotten].filter((key) => !after.changed.has(key)), ...after.forgotten]),
  };
}

/** The pages with some rows as they are now, and without those that the list no longer has. */
export function patched(pages: RunPages, rows: readonly RunRow[], gone: ReadonlySet<string>): RunPages {
  const now = new Map(rows.map((row) => [keyOf(row), row]));
  if (now.size === 0 && gone.size === 0) return pages;
  const left = pages.pages.map((page) => ({
    ...page,
    runs: page.runs.flatMap((row) => (gone.has(keyOf(row)) ? [] : [now.get(keyOf(row)) ?? row])),
  }));
  return counted({ ...pages, pages: left }, sizeOf(left) - sizeOf(pages.pages));
}

function sizeOf(pages: readonly RunRows[]): number {
  return pages.reduce((size, page) => size + page.runs.length, 0);
}

/** The pages, when the list has become longer, or shorter, by so many. */
function counted(pages: RunPages, more: number): RunPages {
  const [first, ...others] = pages.pages;
  if (first === undefined || first.total === null || !first.total_is_exact) return pages;
  return { ...pages, pages: [{ ...first, total: Math.max(0, first.total + more) }, ...others] };
}

/** The pages, newest first, with more rows in front or wherever their start puts them. */
export function withMore(pages: RunPages, rows: readonly RunRow[]): RunPages {
  const loaded = new Set(pages.pages.flatMap((page) => page.runs.map(keyOf)));
  const fresh = rows.filter((row) => !loaded.has(keyOf(row)));
  const [first, ...others] = pages.pages;
  if (first === undefined || fresh.length === 0) return pages;
  const runs = [...fresh, ...first.runs].sort(newestFirst);
  return counted({ ...pages, pages: [{ ...first, runs }, ...others] }, fresh.length);
}

function newestFirst(a: RunRow, b: RunRow): number {
  return b.started_at - a.started_at || (b.flow < a.flow ? -1 : b.flow > a.flow ? 1 : b.run_id < a.run_id ? -1 : 1);
}

/** Those of some rows that are not behind the end of what is loaded of a list that is newest first. */
export function withinLoaded(pages: RunPages, rows: readonly RunRow[]): RunRow[] {
  const last = pages.pages.at(-1);
  const end = last?.runs.at(-1);
  if (last?.next === null || end === undefined) return [...rows];
  return rows.filter((row) => row.started_at >= end.started_at);
}
