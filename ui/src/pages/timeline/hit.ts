import type { Scene } from "./draw";
import { attemptsOf, phasesOf } from "./model";
import { rowAt } from "./rows";
import { positionOf, timeAt } from "./scale";

/** What the pointer is at. */
export interface Hit {
  /** Place of the row. */
  place: number;
  /** Attempt in the row, if it is at or near one. */
  attempt: number | undefined;
  /** The time there, in milliseconds since the start of the run. */
  time: number;
  x: number;
  y: number;
}

/** Pixels around a bar that count as the bar. */
const NEAR = 6;

/** What is at a position of the plot; null where there is no row. */
export function hitAt(scene: Scene | null, x: number, y: number): Hit | null {
  if (scene === null) return null;
  const place = rowAt(scene.layout, y + scene.scrollTop);
  const row = scene.layout.rows[place];
  if (row === undefined) return null;
  const time = timeAt(x, scene.view, scene.width);
  const hit = { place, attempt: undefined, time, x, y };
  if (row.kind !== "task" && row.kind !== "single") return hit;
  // Of attempts that overlap as their bars are never too narrow to be seen, the latest one counts.
  const attempt = attemptsOf(scene.model, row.row)
    .reverse()
    .find((each) => {
      const phases = phasesOf(scene.model.columns, each, scene.now);
      const from = positionOf(phases.ready, scene.view, scene.width);
      const to = positionOf(phases.end, scene.view, scene.width);
      return x >= from - NEAR && x <= Math.max(to, from + 2) + NEAR;
    });
  return { ...hit, attempt };
}
