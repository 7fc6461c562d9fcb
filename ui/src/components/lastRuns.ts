import type { PastRun } from "@/api/schema";

/** Pixels of the mark of a run: a bar, and above it room for the cross of one that failed. */
export const MARK_WIDTH = 8;
export const MARK_HEIGHT = 22;
const TALLEST = 15;
const LOWEST = 4;
/** Pixels of the edge of a bar that is not filled. */
const EDGE = 1.5;

/** How long a run took, or takes so far, in seconds; null if nobody knows. */
export function secondsOf(run: PastRun, now: number): number | null {
  const end = run.finished_at ?? (run.status === "running" ? now : null);
  return end === null ? null : Math.max(0, end - run.started_at);
}

/** Heights of bars in pixels. Roots, as one long run would make all others look alike. */
export function barHeights(seconds: readonly (number | null)[]): number[] {
  const longest = Math.max(...seconds.map((each) => each ?? 0), 0.001);
  return seconds.map((each) => Math.round(LOWEST + (TALLEST - LOWEST) * Math.sqrt((each ?? 0) / longest)));
}

/** The shape of a run that has a bar of this height: done is full, failed has a cross, stopped is hollow, running open. */
export function markPath(status: PastRun["status"], height: number): string {
  const top = MARK_HEIGHT - height;
  const bar = `M1 ${top}h6v${height}h-6z`;
  const [hollow, depth] = [height - 2 * EDGE, height - EDGE];
  switch (status) {
    case "done":
      return bar;
    case "failed":
      return `${bar}M1.5 ${top - 5.2}l.8-.8 1.7 1.7 1.7-1.7 .8.8-1.7 1.7 1.7 1.7-.8.8-1.7-1.7-1.7 1.7-.8-.8 1.7-1.7z`;
    case "stopped":
      return `${bar}M${1 + EDGE} ${top + EDGE}v${hollow}h3v${-hollow}z`;
    case "running":
      return `M1 ${top}h${EDGE}v${depth}h3v${-depth}h${EDGE}v${height}h-6z`;
  }
}
