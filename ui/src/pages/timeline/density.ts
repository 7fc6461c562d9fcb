import { attemptsOf, phasesOf, stateOf, type TimelineModel } from "./model";

/** When attempts came to each of their phases: lists in order, so that how many are where at a time is two searches. */
export interface Density {
  ready: Float64Array;
  started: Float64Array;
  code: Float64Array;
  saving: Float64Array;
  ended: Float64Array;
  /** When attempts failed or were killed. */
  failed: Float64Array;
  /** Most attempts that ran at the same time. */
  peak: number;
  /** When half of the attempts had ended, and when 95 of 100 had; null while they have not. */
  halfEnded: number | null;
  mostEnded: number | null;
}

/** Number of attempts in each phase. */
export interface Count {
  waiting: number;
  startup: number;
  code: number;
  saving: number;
}

/** The density of all attempts of some tasks; those that were taken over ran elsewhere, and do not count. */
export function densityOf(model: TimelineModel, tasks: Int32Array): Density {
  const rows = allAttempts(model, tasks);
  const times = ["ready", "started", "code", "saving"].map(() => new Float64Array(rows.length));
  const [ready, started, code, saving] = times as [Float64Array, Float64Array, Float64Array, Float64Array];
  const ended = new Float64Array(rows.length);
  const failures: number[] = [];
  rows.forEach((row, place) => {
    const phases = phasesOf(model.columns, row, Infinity);
    ready[place] = phases.ready;
    started[place] = phases.started;
    code[place] = phases.code;
    saving[place] = phases.saving;
    ended[place] = phases.end;
    const state = stateOf(model, row);
    if (state === "failed" || state === "killed") failures.push(phases.end);
  });
  for (const list of [...times, ended]) list.sort();
  return {
    ...{ ready, started, code, saving, ended },
    failed: Float64Array.from(failures).sort(),
    peak: peakOf(started, ended),
    halfEnded: whenEnded(ended, 0.5),
    mostEnded: whenEnded(ended, 0.95),
  };
}

function allAttempts(model: TimelineModel, tasks: Int32Array): Int32Array {
  const rows: number[] = [];
  for (const task of tasks) {
    if (stateOf(model, task) === "cloned") continue;
    if ((model.earlier[task] ?? -1) < 0) rows.push(task);
    else rows.push(...attemptsOf(model, task));
  }
  return Int32Array.from(rows);
}

function whenEnded(ended: Float64Array, share: number): number | null {
  const time = ended[Math.ceil(ended.length * share) - 1];
  return time === undefined || !Number.isFinite(time) ? null : time;
}

/** Most intervals that overlap; both lists are in order. */
function peakOf(started: Float64Array, ended: Float64Array): number {
  let over = 0;
  let peak = 0;
  for (let begun = 0; begun < started.length; begun++) {
    const start = started[begun] ?? 0;
    while (over < ended.length && (ended[over] ?? Infinity) <= start) over += 1;
    peak = Math.max(peak, begun + 1 - over);
  }
  return peak;
}

/** How many attempts are in each phase at a time. */
export function countsAt(density: Density, time: number): Count {
  const ready = reached(density.ready, time);
  const started = reached(density.started, time);
  const code = reached(density.code, time);
  const saving = reached(density.saving, time);
  const ended = reached(density.ended, time);
  return { waiting: ready - started, startup: started - code, code: code - saving, saving: saving - ended };
}

/** How many attempts are in each phase in the middle of a span; one that is shorter than the span is not lost by it. */
export function countsIn(density: Density, from: number, to: number): Count {
  const counts = countsAt(density, (from + to) / 2);
  if (counts.startup + counts.code + counts.saving === 0) {
    counts.code = Math.min(1, reached(density.ended, to) - reached(density.ended, from));
  }
  return counts;
}

/** How many of the times, which are in order, are not after `time`. */
export function reached(times: Float64Array, time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] ?? Infinity) <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The value that this share of values, in order, does not exceed; null of none. */
export function quantile(ordered: Float64Array, share: number): number | null {
  return ordered[Math.min(ordered.length - 1, Math.max(0, Math.ceil(ordered.length * share) - 1))] ?? null;
}

/** How long the latest attempts of tasks took that ended by themselves, in order. */
export function durationsOf(model: TimelineModel, tasks: Int32Array): Float64Array {
  const lengths: number[] = [];
  for (const row of tasks) {
    const finished = model.columns.finished[row] ?? null;
    const state = stateOf(model, row);
    if (finished !== null && state !== "killed" && state !== "cloned")
      lengths.push(Math.max(0, finished - (model.columns.started[row] ?? 0)));
  }
  return Float64Array.from(lengths).sort();
}
