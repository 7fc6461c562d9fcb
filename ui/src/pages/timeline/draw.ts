import { plural } from "@/format/numbers";
import { drawTask, type Plot } from "./bars";
import type { Density } from "./density";
import { positionOf } from "./scale";
import { ROW_HEIGHT, heightOf, visibleRows, type Layout, type Row } from "./rows";
import { phasesOf } from "./model";
import { drawStrip } from "./strip";
import type { Surface } from "./surface";
import { formatClock, formatTick, ticks } from "./scale";

/** All that the plot shows. */
export interface Scene extends Plot {
  layout: Layout;
  height: number;
  scrollTop: number;
  /** Place of the row that is selected, and of the one that the pointer or the keyboard is at; -1 for none. */
  selected: number;
  active: number;
  densityOf: (place: number) => Density | null;
  /** Attempts on the critical path, the first one first, with the places of their rows. */
  path: readonly { row: number; place: number }[];
  /** Whether the axis tells the time of day. */
  clock: boolean;
}

export const AXIS_HEIGHT = 28;
const TICK_GAP = 96;

/** Draw the rows that can be seen. */
export function drawRows(surface: Surface, scene: Scene): void {
  const { palette, width, height, layout } = scene;
  surface.rect(0, 0, width, height, palette.surface);
  const [first, last] = visibleRows(layout, scene.scrollTop, height);
  for (let place = first; place < last; place++) drawBackground(surface, scene, place);
  for (const time of axisTicks(scene).times) {
    const x = Math.round(positionOf(time, scene.view, width)) + 0.5;
    surface.line([[x, 0], [x, height]], palette.grid, 1); // prettier-ignore
  }
  for (let place = first; place < last; place++) {
    const row = layout.rows[place];
    if (row !== undefined) drawRow(surface, scene, row, place, topOf(scene, place));
  }
  drawPath(surface, scene);
  drawNow(surface, scene);
}

function topOf(scene: Scene, place: number): number {
  return (scene.layout.tops[place] ?? 0) - scene.scrollTop;
}

function drawBackground(surface: Surface, scene: Scene, place: number): void {
  const row = scene.layout.rows[place];
  if (row === undefined) return;
  const { palette, width } = scene;
  const top = topOf(scene, place);
  const colour = place === scene.selected ? palette.selected : place === scene.active ? palette.hover : null;
  if (colour !== null) surface.rect(0, top, width, heightOf(row), colour);
  else if (row.kind === "group" || row.kind === "single") surface.rect(0, top, width, heightOf(row), palette.sunken);
}

function drawRow(surface: Surface, scene: Scene, row: Row, place: number, top: number): void {
  if (row.kind === "single" || row.kind === "task") {
    drawTask(surface, scene, row.row, top);
  } else if (row.kind === "more") {
    const text = `${plural(row.count, "more task")} of these; open the step to see all`;
    surface.text(8, top + ROW_HEIGHT / 2, text, scene.palette.muted);
  } else if (row.strip) {
    const density = scene.densityOf(place);
    if (density === null) return;
    if (density.ended.length > 0) drawStrip(surface, scene, density, top, heightOf(row));
    else surface.text(8, top + heightOf(row) / 2, "taken over", scene.palette.muted);
  } else {
    drawSpan(surface, scene, row.tasks, top);
  }
}

/** From the first start of a step's tasks to their last end. */
function drawSpan(surface: Surface, scene: Scene, tasks: Int32Array, top: number): void {
  let from = Infinity;
  let to = -Infinity;
  for (const task of tasks) {
    let row = task;
    to = Math.max(to, phasesOf(scene.model.columns, row, scene.now).end);
    while ((scene.model.earlier[row] ?? -1) >= 0) row = scene.model.earlier[row] ?? row;
    from = Math.min(from, phasesOf(scene.model.columns, row, scene.now).started);
  }
  if (from > to) return;
  const y = Math.round(top + ROW_HEIGHT / 2) + 0.5;
  const [left, right] = [from, to].map((time) => positionOf(time, scene.view, scene.width)) as [number, number];
  const { strong } = scene.palette;
  surface.line([[left, y + 5], [left, y], [right, y], [right, y + 5]], strong, 2); // prettier-ignore
}

/** Lines from the end of each attempt of the critical path to the start of the next, where both have rows. */
function drawPath(surface: Surface, scene: Scene): void {
  const { columns } = scene.model;
  for (let index = 1; index < scene.path.length; index++) {
    const before = scene.path[index - 1];
    const after = scene.path[index];
    if (before === undefined || after === undefined || before.place < 0 || after.place < 0) continue;
    const middle = (place: number) => topOf(scene, place) + ROW_HEIGHT / 2;
    const [y1, y2] = [middle(before.place), middle(after.place)];
    if (Math.max(y1, y2) < 0 || Math.min(y1, y2) > scene.height) continue;
    const x1 = positionOf(phasesOf(columns, before.row, scene.now).end, scene.view, scene.width);
    const x2 = positionOf(columns.started[after.row] ?? 0, scene.view, scene.width);
    surface.line([[x1, y1], [x1, y2], [Math.max(x1, x2), y2]], scene.palette.accent, 1.5); // prettier-ignore
  }
}

function drawNow(surface: Surface, scene: Scene): void {
  if (!scene.model.isRunning) return;
  const x = positionOf(scene.now, scene.view, scene.width);
  surface.line([[x, 0], [x, scene.height]], scene.palette.accent, 1.5, true); // prettier-ignore
}

function axisTicks(scene: Pick<Scene, "view" | "width" | "clock" | "model">): { step: number; times: number[] } {
  // Times of day are round in the reader's zone.
  const start = scene.model.startedAt * 1000;
  const zone = -new Date(start).getTimezoneOffset() * 60_000;
  return ticks(scene.view, scene.width, TICK_GAP, scene.clock ? start + zone : 0);
}

/** Draw the axis of time above the rows. */
export function drawAxis(surface: Surface, scene: Scene): void {
  const { palette, width } = scene;
  surface.rect(0, 0, width, AXIS_HEIGHT, palette.surface);
  const { step, times } = axisTicks(scene);
  for (const time of times) {
    const x = Math.round(positionOf(time, scene.view, width)) + 0.5;
    const text = scene.clock ? formatClock(scene.model.startedAt * 1000 + time, step) : formatTick(time, step);
    surface.line([[x, AXIS_HEIGHT - 6], [x, AXIS_HEIGHT]], palette.strong, 1); // prettier-ignore
    if (x < width - 48) surface.text(x + 4, AXIS_HEIGHT / 2, text, palette.muted);
  }
  if (scene.model.isRunning) {
    const x = positionOf(scene.now, scene.view, width);
    surface.area([[x - 5, AXIS_HEIGHT - 8], [x + 5, AXIS_HEIGHT - 8], [x, AXIS_HEIGHT]], palette.accent); // prettier-ignore
    surface.rect(x - 36, 1, 30, AXIS_HEIGHT - 8, palette.surface);
    surface.text(x - 8, AXIS_HEIGHT / 2 - 2, "now", palette.accent, "end");
  }
}
