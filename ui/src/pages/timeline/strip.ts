import type { Plot } from "./bars";
import { countsIn, reached, type Density } from "./density";
import { positionOf, timeAt } from "./scale";
import type { Surface } from "./surface";

const PADDING = 5;
const LANE = 8;
/** Pixels that one column stands for. */
const COLUMN = 2;
/** Width of the text beside a marker. */
const LABEL = 76;

type Points = [number, number][];

/** How many attempts of a wide step were in which phase over time, when they failed, and when most had ended. */
export function drawStrip(surface: Surface, plot: Plot, density: Density, top: number, height: number): void {
  const bottom = top + height - PADDING;
  const room = height - 2 * PADDING - LANE;
  const columns = Math.ceil(plot.width / COLUMN);
  const waiting: Points = [];
  let waitingSince: number | null = null;
  const edges: [Points, Points, Points] = [[], [], []];
  for (let column = 0; column <= columns; column++) {
    const x = column * COLUMN;
    const from = timeAt(x, plot.view, plot.width);
    const counts = countsIn(density, from, timeAt(x + COLUMN, plot.view, plot.width));
    if (counts.waiting > 0) waitingSince ??= x;
    if (waitingSince !== null && (counts.waiting === 0 || column === columns)) {
      waiting.push([waitingSince, x]);
      waitingSince = null;
    }
    let y = 0;
    for (const [level, phase] of (["code", "startup", "saving"] as const).entries()) {
      y += plot.hiddenPhases.has(phase) ? 0 : counts[phase];
      edges[level]?.push([x, bottom - (y / Math.max(1, density.peak)) * room]);
    }
  }
  const { palette } = plot;
  if (!plot.hiddenPhases.has("waiting")) {
    for (const [from, to] of waiting) surface.hatch(from, top + PADDING, to - from, LANE - 2, palette.phases.waiting);
  }
  const colours = [palette.states.done, palette.phases.startup, palette.phases.saving];
  let floor: Points = [
    [0, bottom],
    [columns * COLUMN, bottom],
  ];
  edges.forEach((edge, level) => {
    surface.area([...edge, ...floor.toReversed()], colours[level] ?? palette.ink);
    floor = edge;
  });
  drawFailures(surface, plot, density, bottom);
  drawMarkers(surface, plot, density, top, bottom);
}

function drawFailures(surface: Surface, plot: Plot, density: Density, bottom: number): void {
  if (density.failed.length === 0) return;
  let drawn = -Infinity;
  const first = reached(density.failed, timeAt(-4, plot.view, plot.width));
  for (let place = first; place < density.failed.length; place++) {
    const x = positionOf(density.failed[place] ?? 0, plot.view, plot.width);
    if (x > plot.width + 4) break;
    if (x - drawn < 3) continue;
    drawn = x;
    surface.area([[x - 4, bottom + 4], [x, bottom - 5], [x + 4, bottom + 4]], plot.palette.surface); // prettier-ignore
    surface.area([[x - 3, bottom + 3], [x, bottom - 3], [x + 3, bottom + 3]], plot.palette.failed); // prettier-ignore
  }
}

function drawMarkers(surface: Surface, plot: Plot, density: Density, top: number, bottom: number): void {
  const markers: [number, string][] = [];
  for (const [time, text] of [
    [density.halfEnded, "50 % ended"],
    [density.mostEnded, "95 % ended"],
  ] as const) {
    const x = time === null ? -1 : Math.round(positionOf(time, plot.view, plot.width)) + 0.5;
    if (x >= 0 && x <= plot.width) markers.push([x, text]);
  }
  for (const [x] of markers) {
    const line = [[x, top + PADDING], [x, bottom]] as const; // prettier-ignore
    surface.line(line, plot.palette.surface, 3);
    surface.line(line, plot.palette.ink, 1, true);
  }
  let labelled = 0;
  for (const [x, text] of markers) {
    // To the left of its line, or to the right where that would be cut off or hide what stands there.
    const left = x - LABEL - 2 >= labelled ? x - LABEL - 2 : Math.max(x, labelled) + 3;
    if (left + LABEL > plot.width) continue;
    labelled = left + LABEL;
    surface.rect(left, bottom - 16, LABEL, 15, plot.palette.surface);
    surface.text(left + LABEL - 4, bottom - 8, text, plot.palette.ink, "end");
  }
}
