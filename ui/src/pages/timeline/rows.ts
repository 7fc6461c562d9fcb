import { PHASES, STATES, attemptsOf, stateOf, type Phase, type State, type TimelineModel } from "./model";

/** Which tasks are shown, and how. */
export interface Filter {
  /** Text that the step, the id, the index or the foreach's value has. */
  text: string;
  /** States that are left out. */
  hiddenStates: ReadonlySet<State>;
  /** Phases that are not drawn. */
  hiddenPhases: ReadonlySet<Phase>;
}

export type Sort = "start" | "duration";

/** A row of the timeline. `row` is the latest attempt of a task in the model. */
export type Row =
  /** A step with one task, drawn in the step's own row. */
  | { kind: "single"; step: number; row: number }
  /** A step with several tasks, which are below it if it is open; `strip` if it is drawn as a density. */
  | { kind: "group"; step: number; tasks: Int32Array; all: number; open: boolean; strip: boolean }
  | { kind: "task"; step: number; row: number }
  /** What stands for further tasks that failed in a folded step. */
  | { kind: "more"; step: number; count: number };

/** Steps with more tasks are folded until somebody opens them. */
const FOLDED_ABOVE = 50;
/** Most tasks of a folded step that have rows of their own. */
const MOST_ON_TOP = 8;

export const ROW_HEIGHT = 24;
const STRIP_HEIGHT = 64;

/** Where rows are: the top of each, and the end of the last. */
export interface Layout {
  rows: readonly Row[];
  tops: Float64Array;
}

/** Lay out all rows. */
export function layoutOf(
  model: TimelineModel,
  filter: Filter,
  sort: Sort,
  toggled: ReadonlySet<string>,
  pathRows: ReadonlySet<number>,
): Layout {
  const rows: Row[] = [];
  model.steps.forEach((facts, step) => {
    const all = model.tasks[step] ?? new Int32Array();
    const tasks = sorted(model, filtered(model, all, facts.name, filter), sort);
    if (tasks.length === 0 && (all.length > 0 || isFiltering(filter))) return;
    const [only] = tasks;
    if (tasks.length === 1 && all.length === 1 && only !== undefined) {
      rows.push({ kind: "single", step, row: only });
      return;
    }
    const strip = tasks.length > FOLDED_ABOVE;
    const open = toggled.has(facts.name) !== !strip;
    rows.push({ kind: "group", step, tasks, all: all.length, open, strip });
    if (open) for (const row of tasks) rows.push({ kind: "task", step, row });
    else if (strip) addOnTop(rows, model, step, tasks, pathRows);
  });
  return { rows, tops: topsOf(rows) };
}

function addOnTop(
  rows: Row[],
  model: TimelineModel,
  step: number,
  tasks: Int32Array,
  pathRows: ReadonlySet<number>,
): void {
  const failed: number[] = [];
  const retried: number[] = [];
  const path: number[] = [];
  for (const row of tasks) {
    if (isBad(stateOf(model, row))) failed.push(row);
    else if (pathRows.size > 0 && attemptsOf(model, row).some((each) => pathRows.has(each))) path.push(row);
    else if ((model.earlier[row] ?? -1) >= 0) retried.push(row);
  }
  const chosen = [...failed, ...path, ...retried];
  for (const row of chosen.slice(0, MOST_ON_TOP)) rows.push({ kind: "task", step, row });
  if (chosen.length > MOST_ON_TOP) rows.push({ kind: "more", step, count: chosen.length - MOST_ON_TOP });
}

/** Whether a task in this state has left no result. */
export function isBad(state: State): boolean {
  return state === "failed" || state === "killed";
}

function isFiltering(filter: Filter): boolean {
  return filter.text !== "" || filter.hiddenStates.size > 0;
}

function filtered(model: TimelineModel, tasks: Int32Array, step: string, filter: Filter): Int32Array {
  if (!isFiltering(filter)) return tasks;
  const text = filter.text.toLowerCase();
  const { columns } = model;
  const ofStep = text === "" || step.toLowerCase().includes(text);
  return tasks.filter((row) => {
    if (filter.hiddenStates.has(stateOf(model, row))) return false;
    return (
      ofStep ||
      columns.task[row] === text ||
      columns.indexes[row] === text ||
      (columns.label[row] ?? "").toLowerCase().includes(text)
    );
  });
}

function sorted(model: TimelineModel, tasks: Int32Array, sort: Sort): Int32Array {
  const { columns } = model;
  const first = (row: number) => columns.started[attemptsOf(model, row)[0] ?? row] ?? 0;
  const length = (row: number) => (columns.finished[row] ?? Infinity) - (columns.started[row] ?? 0);
  const keys = new Map<number, number>();
  for (const row of tasks) keys.set(row, sort === "start" ? first(row) : -length(row));
  // Infinite lengths are equal, and their difference is no number.
  return Int32Array.from(tasks).sort((a, b) => compare(keys.get(a) ?? 0, keys.get(b) ?? 0) || a - b);
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function topsOf(rows: readonly Row[]): Float64Array {
  const tops = new Float64Array(rows.length + 1);
  rows.forEach((row, place) => {
    tops[place + 1] = (tops[place] ?? 0) + heightOf(row);
  });
  return tops;
}

export function heightOf(row: Row): number {
  return row.kind === "group" && row.strip ? STRIP_HEIGHT : ROW_HEIGHT;
}

export function totalHeight(layout: Layout): number {
  return layout.tops[layout.rows.length] ?? 0;
}

/** The row at a height; -1 if it is above or below all. */
export function rowAt(layout: Layout, y: number): number {
  if (y < 0 || y >= totalHeight(layout)) return -1;
  let low = 0;
  let high = layout.rows.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((layout.tops[middle] ?? 0) <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The first and the one behind the last of the rows that a window shows. */
export function visibleRows(layout: Layout, top: number, height: number): [number, number] {
  if (layout.rows.length === 0) return [0, 0];
  const first = Math.max(0, rowAt(layout, Math.max(0, Math.min(top, totalHeight(layout) - 1))));
  const last = rowAt(layout, Math.min(totalHeight(layout) - 1, top + height));
  return [first, Math.max(first, last) + 1];
}

/** Scroll as little as it takes to show a row. */
export function revealRow(scroller: HTMLElement | null, layout: Layout, place: number): void {
  const [top, bottom] = [layout.tops[place], layout.tops[place + 1]];
  if (scroller === null || top === undefined || bottom === undefined) return;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (bottom > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = bottom - scroller.clientHeight;
}

/** Place of the row that shows a task, or else its step; -1 without. */
export function placeOf(layout: Layout, model: TimelineModel, step: string, task?: string): number {
  const { columns } = model;
  let ofStep = -1;
  for (let place = 0; place < layout.rows.length; place++) {
    const row = layout.rows[place];
    if (row === undefined || model.steps[row.step]?.name !== step) continue;
    if (row.kind === "group" || row.kind === "single") ofStep = place;
    if ((row.kind === "task" || row.kind === "single") && columns.task[row.row] === task) return place;
  }
  return ofStep;
}

/** What tells a row from others, also in later layouts, in which it may be elsewhere. */
export interface RowName {
  kind: Row["kind"];
  step: string;
  task: string;
}

export function nameOf(layout: Layout, model: TimelineModel, place: number): RowName | null {
  const row = layout.rows[place];
  if (row === undefined) return null;
  const task = row.kind === "single" || row.kind === "task" ? (model.columns.task[row.row] ?? "") : "";
  return { kind: row.kind, step: model.steps[row.step]?.name ?? "", task };
}

/** Place of the row of that name; -1 if there is none, or no name. */
export function placeOfName(layout: Layout, model: TimelineModel, name: RowName | null): number {
  if (name === null) return -1;
  const isSame = (row: Row) =>
    row.kind === name.kind &&
    model.steps[row.step]?.name === name.step &&
    (row.kind === "group" || row.kind === "more" || model.columns.task[row.row] === name.task);
  const place = layout.rows.findIndex(isSame);
  // A step is a group as soon as it has a second task, and a task of a folded step may have no row any more.
  return place >= 0 ? place : placeOf(layout, model, name.step, name.task);
}

/** Names of states and phases in an address. */
export function stateSet(names: readonly string[]): ReadonlySet<State> {
  return new Set(STATES.filter((state) => names.includes(state)));
}

export function phaseSet(names: readonly string[]): ReadonlySet<Phase> {
  return new Set(PHASES.filter((phase) => names.includes(phase)));
}
