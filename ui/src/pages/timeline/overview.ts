import { countsIn, type Density } from "./density";
import type { TimelineModel } from "./model";
import type { Palette } from "./palette";
import { positionOf, timeAt, type View } from "./scale";
import type { Surface } from "./surface";

interface OverviewScene {
  model: TimelineModel;
  palette: Palette;
  overall: Density;
  /** All of the run, and the part of it that is shown below. */
  all: View;
  view: View;
  width: number;
  height: number;
  now: number;
}

const COLUMN = 2;
const TOP = 6;

/** How many tasks ran at once in all of the run, and which part of it is shown. */
export function drawOverview(surface: Surface, scene: OverviewScene): void {
  const { palette, overall, all, width, height } = scene;
  surface.rect(0, 0, width, height, palette.sunken);
  const points: [number, number][] = [[0, height]];
  for (let x = 0; x <= width; x += COLUMN) {
    const counts = countsIn(overall, timeAt(x, all, width), timeAt(x + COLUMN, all, width));
    const running = timeAt(x, all, width) > scene.now && scene.model.isRunning ? 0 : total(counts);
    points.push([x, height - (running / Math.max(1, overall.peak)) * (height - TOP)]);
  }
  surface.area([...points, [width, height]], palette.strong);
  const [left, right] = [scene.view.from, scene.view.to].map((time) => positionOf(time, all, width)) as [
    number,
    number,
  ];
  if (right - left < width - 1) {
    surface.frame(left + 1, 1, Math.max(4, right - left - 2), height - 2, palette.accent, 2);
    for (const x of [left, right]) surface.rect(x - 2, height / 2 - 8, 4, 16, palette.accent);
  }
}

function total(counts: { startup: number; code: number; saving: number }): number {
  return counts.startup + counts.code + counts.saving;
}

/** Pixels around an end of the shown part within which it can be taken hold of. */
const GRIP = 7;

/** What a drag in the overview does: it moves an end of the shown part, moves that part, or chooses another one. */
export function dragged(all: View, view: View, width: number, start: number, at: number): View {
  const left = positionOf(view.from, all, width);
  const right = positionOf(view.to, all, width);
  const isAll = right - left >= width - 1;
  const time = (x: number) => timeAt(x, all, width);
  if (!isAll && Math.abs(start - left) <= GRIP) return inOrder(time(at), view.to);
  if (!isAll && Math.abs(start - right) <= GRIP) return inOrder(view.from, time(at));
  if (!isAll && start > left && start < right) {
    const by = time(at) - time(start);
    return { from: view.from + by, to: view.to + by };
  }
  return inOrder(time(start), time(at));
}

function inOrder(one: number, other: number): View {
  return { from: Math.min(one, other), to: Math.max(one, other) };
}
