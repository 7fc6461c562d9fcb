import type { RunBrief } from "@/api/schema";

const LOWEST = 0.22;

/** How long a run took, or takes so far, in seconds; null if nobody knows. */
export function durationOf(run: RunBrief, now: number): number | null {
  const end = run.finished_at ?? (run.status === "running" ? now : null);
  return end === null ? null : Math.max(0, end - run.started_at);
}

/** Heights of bars from 0 to 1. Roots, as one long run would make all others look alike. */
export function barHeights(durations: readonly (number | null)[]): number[] {
  const longest = Math.max(...durations.map((duration) => duration ?? 0), 0.001);
  return durations.map((duration) => LOWEST + (1 - LOWEST) * Math.sqrt((duration ?? 0) / longest));
}
