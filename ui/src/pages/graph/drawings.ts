import type { StepLook } from "./states";

/** Drawings of 16 x 16 for what a step does with the tasks that follow it. */
export const KIND_PATHS = {
  start: "M5 3.5v9l7-4.5z",
  end: "M4.5 14V2.5h8l-2 3 2 3h-8",
  linear: "M3 5h10v6H3z",
  split: "M2 8h4.5M6.5 8l4-4.5H14M6.5 8l4 4.5H14",
  foreach: "M4 6h9v7H4zM6 6V3.5h7.5M2.5 8v5",
  parallel: "M4 3v10M8 3v10M12 3v10",
  switch: "M8 2l6 6-6 6-6-6zM8 6v4M6 8h4",
  join: "M14 8H9.5M9.5 8l-4-4.5H2M9.5 8l-4 4.5H2",
} as const;

export const LOOK_PATHS: Record<StepLook, string> = {
  done: "M3.5 8.5l3 3 6-7",
  running: "M8 2.5a5.5 5.5 0 1 0 5.5 5.5",
  failed: "M4 4l8 8M12 4l-8 8",
  killed: "M4.5 4.5h7v7h-7z",
  caught: "M8 2.5l6 11H2zM8 6.5v3.2M8 11.4v.4",
  waiting: "M8 4v4l3 2M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8z",
  skipped: "M4 8h8",
};
