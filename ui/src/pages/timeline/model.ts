import type { Timeline } from "@/api/schema";

/** What an attempt can be; the server gives indexes into this. */
export const STATES = ["running", "done", "failed", "killed", "cloned", "caught"] as const;
export type State = (typeof STATES)[number];

/** Attempts, one list for each of their fields; times are milliseconds since the start of the run. */
export type Columns = Timeline["attempts"];

export interface StepFacts {
  name: string;
  type: string;
  expected: number;
}

/** All that is known of when what ran. Never changed: changes make a new one. */
export interface TimelineModel {
  /** Start of the run, in seconds since the epoch. */
  startedAt: number;
  isRunning: boolean;
  /** End of the run in milliseconds since its start; null while it goes on. */
  finished: number | null;
  /** What the server's clock is ahead of ours, in milliseconds. */
  clockAhead: number;
  cursor: string;
  cut: number | null;
  notes: readonly string[];
  steps: readonly StepFacts[];
  columns: Columns;
  /** The attempt before, of the same task; -1 for the first. */
  earlier: Int32Array;
  /** The latest attempt of each task, by step. */
  tasks: readonly Int32Array[];
}

/** The model of a server's answer about all attempts. */
export function modelOf(answer: Timeline, clientNow: number): TimelineModel {
  return {
    ...factsOf(answer, clientNow),
    steps: answer.steps.map(({ name, type, expected }) => ({ name, type, expected })),
    columns: answer.attempts,
    ...linked(answer.attempts, answer.steps.length),
  };
}

/** The model with what changed; null if changes were missed, so that all has to be read again. */
export function merged(model: TimelineModel, changes: Timeline, clientNow: number): TimelineModel | null {
  if (!changes.changes_only) return modelOf(changes, clientNow);
  const steps = model.steps.map((step) => ({ ...step }));
  const numbers = new Map(steps.map((step, number) => [step.name, number]));
  const columns = copied(model.columns);
  const places = placesOf(model);
  changes.attempts.step.forEach((changedStep, change) => {
    const facts = changes.steps[changedStep];
    if (facts === undefined) return;
    let step = numbers.get(facts.name);
    if (step === undefined) {
      step = steps.push({ name: facts.name, type: facts.type, expected: facts.expected }) - 1;
      numbers.set(facts.name, step);
    }
    const known = steps[step];
    if (known !== undefined) known.expected = Math.max(known.expected, facts.expected);
    const key = keyOf(step, changes.attempts.task[change] ?? "", changes.attempts.attempt[change] ?? 0);
    let place = places.get(key);
    if (place === undefined) {
      place = columns.step.length;
      places.set(key, place);
    }
    put(columns, place, changes.attempts, change);
    columns.step[place] = step;
  });
  if (!agrees(columns, changes.counts, model)) return null;
  return { ...factsOf(changes, clientNow), steps, columns, ...linked(columns, steps.length) };
}

function factsOf(answer: Timeline, clientNow: number) {
  return {
    startedAt: answer.started_at,
    isRunning: answer.status === "running",
    finished:
      answer.finished_at === null || answer.status === "running"
        ? null
        : Math.round((answer.finished_at - answer.started_at) * 1000),
    clockAhead: answer.now * 1000 - clientNow,
    cursor: answer.cursor,
    cut: answer.cut ? answer.most : null,
    notes: answer.notes,
  };
}

function keyOf(step: number, task: string, attempt: number): string {
  return `${step}/${task}/${attempt}`;
}

function placesOf({ columns }: TimelineModel): Map<string, number> {
  const places = new Map<string, number>();
  columns.step.forEach((step, row) => places.set(keyOf(step, columns.task[row] ?? "", columns.attempt[row] ?? 0), row));
  return places;
}

function copied(columns: Columns): Columns {
  return Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, [...values]])) as unknown as Columns;
}

function put(into: Columns, place: number, from: Columns, change: number): void {
  for (const name of Object.keys(into) as (keyof Columns)[]) {
    (into[name] as unknown[])[place] = (from[name] as unknown[])[change];
  }
}

/** Whether attempts are as many as the server has; the task of parameters, which is not drawn, is one more there. */
function agrees(columns: Columns, counts: Timeline["counts"], before: TimelineModel): boolean {
  if (before.cut !== null) return true;
  let running = 0;
  let killed = 0;
  for (const state of columns.state) {
    if (STATES[state] === "running") running += 1;
    else if (STATES[state] === "killed") killed += 1;
  }
  const missing = counts.all - columns.step.length;
  return missing >= 0 && missing <= 1 && running === counts.running && killed === counts.killed;
}

/** Which attempts are of the same task, and which is the latest. */
function linked(columns: Columns, stepCount: number): Pick<TimelineModel, "earlier" | "tasks"> {
  const count = columns.step.length;
  const earlier = new Int32Array(count).fill(-1);
  const latest: Map<string, number>[] = Array.from({ length: stepCount }, () => new Map<string, number>());
  for (let row = 0; row < count; row++) {
    const tasks = latest[columns.step[row] ?? 0];
    const task = columns.task[row] ?? "";
    const before = tasks?.get(task);
    if (before !== undefined && (columns.attempt[before] ?? 0) > (columns.attempt[row] ?? 0)) {
      insertBefore(columns, earlier, before, row);
      continue;
    }
    if (before !== undefined) earlier[row] = before;
    tasks?.set(task, row);
  }
  return { earlier, tasks: latest.map((rows) => Int32Array.from(rows.values())) };
}

function insertBefore(columns: Columns, earlier: Int32Array, later: number, row: number): void {
  let place = later;
  let before = earlier[place] ?? -1;
  while (before >= 0 && (columns.attempt[before] ?? 0) > (columns.attempt[row] ?? 0)) {
    place = before;
    before = earlier[place] ?? -1;
  }
  earlier[row] = before;
  earlier[place] = row;
}

/** All attempts of a task, the first one first. */
export function attemptsOf(model: TimelineModel, latest: number): number[] {
  const rows = [];
  for (let row = latest; row >= 0; row = model.earlier[row] ?? -1) rows.push(row);
  return rows.reverse();
}

export function stateOf(model: TimelineModel, row: number): State {
  return STATES[model.columns.state[row] ?? 0] ?? "running";
}

export const PHASES = ["waiting", "startup", "code", "saving"] as const;
export type Phase = (typeof PHASES)[number];

/** When the phases of an attempt begin, and when it ends; a phase that is not known has no length. */
export interface Phases {
  ready: number;
  started: number;
  code: number;
  saving: number;
  end: number;
  /** Whether it is known where start-up ends and saving begins. */
  known: boolean;
}

/** Phases of an attempt; `now` stands for the end of one that runs. Clocks that disagree never make one negative. */
export function phasesOf(columns: Columns, row: number, now: number): Phases {
  const started = columns.started[row] ?? 0;
  const finished = columns.finished[row] ?? null;
  const end = Math.max(started, finished ?? now);
  const codeStarted = columns.code_started[row] ?? null;
  const codeEnded = columns.code_ended[row] ?? null;
  const code = Math.min(end, Math.max(started, codeStarted ?? started));
  return {
    ready: Math.min(started, columns.ready[row] ?? started),
    started,
    code,
    saving: Math.min(end, Math.max(code, codeEnded ?? end)),
    end,
    known: codeStarted !== null,
  };
}

/** Lengths of the phases in milliseconds. */
export function lengthsOf(phases: Phases): Record<Phase, number> {
  return {
    waiting: phases.started - phases.ready,
    startup: phases.code - phases.started,
    code: phases.saving - phases.code,
    saving: phases.end - phases.saving,
  };
}

/** The present in milliseconds since the start of the run, by the server's clock. */
export function presentOf(model: TimelineModel, clientNow: number): number {
  return clientNow + model.clockAhead - model.startedAt * 1000;
}

/** When all that is drawn ends: with the run, with the last attempt, or now. */
export function endOf(model: TimelineModel, now: number): number {
  let end = model.finished ?? (model.isRunning ? now : 0);
  for (const finished of model.columns.finished) if (finished !== null && finished > end) end = finished;
  return Math.max(1, end);
}
