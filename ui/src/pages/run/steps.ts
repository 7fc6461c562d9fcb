import type { DeclaredStep, RunStep } from "@/api/schema";

/** A step for the overview: as declared, and how far it is, if it has begun. */
export interface ShownStep {
  step: string;
  declared: DeclaredStep | undefined;
  begun: RunStep | undefined;
}

/** Steps in the order in which they began; behind them those that have not, in the order of the flow. */
export function stepsInOrder(declared: readonly DeclaredStep[], begun: readonly RunStep[]): ShownStep[] {
  const names = new Set(begun.map((step) => step.step));
  return [
    ...begun.map((step) => ({
      step: step.step,
      declared: declared.find((each) => each.step === step.step),
      begun: step,
    })),
    ...declared
      .filter((step) => !names.has(step.step))
      .map((step) => ({ step: step.step, declared: step, begun: undefined })),
  ];
}

/** Tasks of a step that are over, whatever became of them. */
function endedTasks(step: RunStep): number {
  return step.tasks - step.counts.running;
}

/** A foreach must have begun so many tasks and ended this share of them before it says when it will be over. */
const LEAST_ENDED = 5;

/**
 * When a foreach will be over, in seconds from now; null where that would be a guess.
 *
 * It is one only if the number of its tasks is known, some have ended, and it goes on at the pace that it had so far.
 *
 * @param step how far the step is
 * @param expected how many tasks it will have in all; null if nobody knows
 * @param now the present, in seconds since the epoch
 */
export function secondsLeft(step: RunStep, expected: number | null, now: number): number | null {
  const ended = endedTasks(step);
  const passed = now - step.started_at;
  if (expected === null || expected < step.tasks || ended < LEAST_ENDED || ended >= expected || passed <= 0)
    return null;
  return ((expected - ended) * passed) / ended;
}

/** From the first start of a step's tasks to the last end, in seconds; null while any goes on. */
export function secondsOf(step: RunStep): number | null {
  return step.finished_at === null ? null : Math.max(0, step.finished_at - step.started_at);
}
