import { formatDuration } from "@/format/duration";
import { formatCount, plural } from "@/format/numbers";
import { visible } from "@/format/untrusted";
import { durationsOf, quantile } from "./density";
import { attemptsOf, lengthsOf, phasesOf, stateOf, type Phase, type State, type TimelineModel } from "./model";
import type { Row } from "./rows";

export const STATE_WORDS: Record<State, string> = {
  running: "Running",
  done: "Done",
  failed: "Failed",
  killed: "Killed",
  cloned: "Taken over",
  caught: "Failure caught",
};

export const STATE_HINTS: Record<State, string> = {
  running: "runs now",
  done: "ended well",
  failed: "raised an error, or its process died",
  killed: "was ended with the run",
  cloned: "taken over from the run that this one resumes",
  caught: "failed, and the flow went on all the same",
};

export const PHASE_WORDS: Record<Phase, string> = {
  waiting: "Waiting",
  startup: "Start-up",
  code: "User code",
  saving: "Saving",
};

export const PHASE_HINTS: Record<Phase, string> = {
  waiting: "ready to start, but there was no room yet",
  startup: "from the start of its process or machine to the first line of the step",
  code: "in the code of the step",
  saving: "from the last line of the step until all results were saved",
};

/** Name of a task for people: what it works on, or else its id. */
export function taskName(model: TimelineModel, row: number): string {
  const { indexes, label, task } = model.columns;
  const place = indexes[row] ?? "";
  const value = visible(label[row] ?? "");
  if (place === "") return task[row] ?? "";
  return value === "" ? `[${place}]` : `[${place}] ${value}`;
}

/** Lengths of the phases of an attempt in words, those of some length only. */
export function phaseTexts(model: TimelineModel, row: number, now: number): { phase: Phase; text: string }[] {
  const phases = phasesOf(model.columns, row, now);
  const lengths = lengthsOf(phases);
  const isRunning = stateOf(model, row) === "running";
  const shown: Phase[] = phases.known ? ["waiting", "startup", "code", "saving"] : ["waiting"];
  const texts = shown
    .filter((phase) => phase === "code" || lengths[phase] > 0)
    .map((phase) => ({ phase, text: formatDuration(lengths[phase] / 1000) }));
  if (!phases.known && isRunning) texts.push({ phase: "code", text: formatDuration(lengths.code / 1000) });
  return texts;
}

/** States that are told of a step, for which there may not be room for all. */
const WEIGHTIEST_FIRST: readonly State[] = ["failed", "killed", "caught", "running", "cloned"];

/** A step in words: how many tasks it has, how they are, how long they take. */
export function stepText(model: TimelineModel, step: number, tasks: Int32Array, all: number): string {
  if (all === 0) return model.isRunning ? "not reached yet" : "not reached";
  const expected = Math.max(all, model.steps[step]?.expected ?? 0);
  const of = model.isRunning && expected > all ? ` of ${formatCount(expected)}` : "";
  const count =
    tasks.length === all ? `${formatCount(all)}${of}` : `${formatCount(tasks.length)} of ${formatCount(all)}`;
  const counts = new Map<State, number>();
  for (const row of tasks) counts.set(stateOf(model, row), (counts.get(stateOf(model, row)) ?? 0) + 1);
  const states = WEIGHTIEST_FIRST.filter((state) => counts.has(state)).map(
    (state) => `${formatCount(counts.get(state) ?? 0)} ${STATE_WORDS[state].toLowerCase()}`,
  );
  return [`${count} ${all === 1 && of === "" ? "task" : "tasks"}`, ...states].join(" · ");
}

/** Half of the tasks took at most this long, and 95 of 100 that long. */
export function quantileText(model: TimelineModel, tasks: Int32Array): string {
  const lengths = durationsOf(model, tasks);
  const half = quantile(lengths, 0.5);
  const most = quantile(lengths, 0.95);
  if (half === null || most === null) return "";
  return `p50 ${formatDuration(half / 1000)} · p95 ${formatDuration(most / 1000)}`;
}

/** A row in one sentence, for those who cannot see it. */
export function rowText(model: TimelineModel, row: Row, now: number): string {
  const step = visible(model.steps[row.step]?.name ?? "");
  if (row.kind === "more") return `${plural(row.count, "more task")} of step ${step}`;
  if (row.kind === "group") {
    const lengths = quantileText(model, row.tasks);
    return `Step ${step}: ${stepText(model, row.step, row.tasks, row.all)}${lengths === "" ? "" : `; ${lengths}`}`;
  }
  const attempts = attemptsOf(model, row.row);
  const phases = phasesOf(model.columns, row.row, now);
  const parts = phaseTexts(model, row.row, now).map(({ phase, text }) => `${PHASE_WORDS[phase].toLowerCase()} ${text}`);
  const tried = attempts.length > 1 ? `, ${plural(attempts.length, "attempt")}` : "";
  const name =
    row.kind === "single" ? `Step ${step}` : `Task ${model.columns.task[row.row] ?? ""} ${taskName(model, row.row)}`;
  const length = formatDuration((phases.end - phases.started) / 1000);
  return `${name}: ${STATE_WORDS[stateOf(model, row.row)].toLowerCase()}, ${length}${tried}; ${parts.join(", ")}`;
}
