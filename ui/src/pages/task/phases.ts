import type { TaskState } from "@/api/schema";

export interface Phase {
  name: "waited" | "start-up" | "code" | "saving";
  seconds: number;
  /** Share of all phases, from 0 to 1. */
  share: number;
}

/**
 * What an attempt spent its time on, as far as it was recorded; empty if only the whole is known. Of one that runs, or
 * ended without a word, only the start of its code is: `now` stands for the end of one that runs.
 */
export function phasesOf(task: TaskState, now: number): Phase[] {
  const { started_at: started, code_started_at: begun } = task;
  const finished = task.finished_at ?? (task.status === "running" ? now : null);
  if (begun === null || finished === null) return [];
  const ended = task.code_ended_at ?? finished;
  const lengths: [Phase["name"], number][] = [
    ["waited", task.ready_at === null ? 0 : started - task.ready_at],
    ["start-up", begun - started],
    ["code", ended - begun],
    ["saving", finished - ended],
  ];
  // Clocks of several machines may disagree.
  const known = lengths.map(([name, seconds]) => ({ name, seconds: Math.max(0, seconds) }));
  const whole = known.reduce((sum, { seconds }) => sum + seconds, 0);
  if (whole === 0) return [];
  return known
    .map((phase) => ({ ...phase, share: phase.seconds / whole }))
    .filter(({ name, seconds }) => name === "code" || seconds >= 0.0005);
}
