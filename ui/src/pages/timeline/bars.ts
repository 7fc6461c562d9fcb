import { formatDuration } from "@/format/duration";
import { attemptsOf, phasesOf, stateOf, type Phase, type Phases, type State, type TimelineModel } from "./model";
import type { Palette } from "./palette";
import { positionOf, type View } from "./scale";
import { ROW_HEIGHT } from "./rows";
import type { Surface } from "./surface";

/** The part of the plot that bars are drawn in. */
export interface Plot {
  model: TimelineModel;
  view: View;
  width: number;
  now: number;
  palette: Palette;
  hiddenPhases: ReadonlySet<Phase>;
  /** Attempts on the critical path. */
  pathRows: ReadonlySet<number>;
}

const BAR = 14;
const THIN = 8;
/** No bar is narrower, however short its attempt. */
const NARROWEST = 2;
/** Pixels between a bar and the text beside it, for a letter of that at most, and for the sign of a state. */
const GAP = 6;
const LETTER = 7;
const MARK = 12;
/** Bars of earlier attempts that are wider have the sign of their state in them; that of the latest is behind it. */
const MARKED = 16;

/** Draw all attempts of a task in its row, and how long the latest one took. */
export function drawTask(surface: Surface, plot: Plot, latest: number, top: number): void {
  const { columns } = plot.model;
  const phases = phasesOf(columns, latest, plot.now);
  const attempts = attemptsOf(plot.model, latest);
  const from = positionOf(phasesOf(columns, attempts[0] ?? latest, plot.now).ready, plot.view, plot.width);
  const to = positionOf(phases.end, plot.view, plot.width);
  const middle = top + ROW_HEIGHT / 2;
  if (to < 0 || from > plot.width) {
    drawBeyond(surface, plot, to < 0, middle);
    return;
  }
  for (const row of attempts) drawAttempt(surface, plot, row, top, row !== latest);
  const state = stateOf(plot.model, latest);
  const text = state === "cloned" ? "taken over" : formatDuration((phases.end - phases.started) / 1000);
  const room = text.length * LETTER + MARK;
  const colour = plot.palette.states[state];
  if (to + GAP + room <= plot.width) {
    const marked = drawMark(surface, state, to + GAP, middle, colour);
    surface.text(to + GAP + marked, middle, text, plot.palette.muted);
  } else if (from - GAP - room >= 0) {
    const marked = drawMark(surface, state, from - GAP - MARK, middle, colour);
    surface.text(from - GAP - (marked && marked + 3), middle, text, plot.palette.muted, "end");
  }
}

/** A task that is earlier or later than what is shown: say on which side it is. */
function drawBeyond(surface: Surface, { palette, width }: Plot, isEarlier: boolean, y: number): void {
  const [tip, back] = isEarlier ? [4, 9] : [width - 4, width - 9];
  surface.line([[back, y - 5], [tip, y], [back, y + 5]], palette.strong, 1.5); // prettier-ignore
}

function drawAttempt(surface: Surface, plot: Plot, row: number, top: number, isEarlier: boolean): void {
  const { palette, hiddenPhases, width } = plot;
  const phases = phasesOf(plot.model.columns, row, plot.now);
  const at = (time: number) => Math.min(width + 4, Math.max(-4, positionOf(time, plot.view, width)));
  const [ready, started, end] = [at(phases.ready), at(phases.started), at(phases.end)];
  if (end < 0 || ready > width) return;
  const state = stateOf(plot.model, row);
  const full = top + (ROW_HEIGHT - BAR) / 2;
  const thin = top + (ROW_HEIGHT - THIN) / 2;
  if (!hiddenPhases.has("waiting") && started - ready >= 1) {
    surface.hatch(ready, thin, started - ready, THIN, palette.phases.waiting);
  }
  if (state === "cloned") {
    surface.frame(started, full, Math.max(NARROWEST + 2, end - started), BAR, palette.states.cloned, 1, true);
  } else {
    drawParts(surface, plot, phases, at, state, full, thin, isEarlier);
  }
  if (plot.pathRows.has(row)) {
    surface.frame(started - 1.5, full - 2.5, Math.max(NARROWEST, end - started) + 3, BAR + 5, palette.accent, 2);
  }
}

function drawParts(
  surface: Surface,
  { palette, hiddenPhases }: Plot,
  phases: Phases,
  at: (time: number) => number,
  state: State,
  full: number,
  thin: number,
  isEarlier: boolean,
): void {
  const [started, code, saving, end] = [at(phases.started), at(phases.code), at(phases.saving), at(phases.end)];
  if (!hiddenPhases.has("startup") && code > started) {
    surface.rect(started, thin, code - started, THIN, palette.phases.startup);
  }
  if (!hiddenPhases.has("saving") && end > saving)
    surface.rect(saving, thin, end - saving, THIN, palette.phases.saving);
  // A failed or very short attempt can be seen at any scale, also if most of it was no code of the step.
  if (hiddenPhases.has("code")) return;
  surface.rect(code, full, Math.max(NARROWEST, saving - code), BAR, palette.states[state]);
  if (isEarlier && saving - code > MARKED) drawMark(surface, state, saving - 11, full + BAR / 2, palette.surface);
}

/** Draw the sign of a state that is no ordinary one, so that it is not told by colour alone; gives its width. */
function drawMark(surface: Surface, state: State, x: number, y: number, colour: string): number {
  const r = 3.5;
  if (state === "failed") {
    surface.line([[x, y - r], [x + 2 * r, y + r]], colour, 2); // prettier-ignore
    surface.line([[x, y + r], [x + 2 * r, y - r]], colour, 2); // prettier-ignore
  } else if (state === "killed") {
    surface.rect(x, y - r, 2 * r, 2 * r, colour);
  } else if (state === "running") {
    surface.area([[x, y - r], [x + 2 * r, y], [x, y + r]], colour); // prettier-ignore
  } else if (state === "caught") {
    surface.line([[x, y + r], [x + r, y - r], [x + 2 * r, y + r], [x, y + r]], colour, 1.5); // prettier-ignore
  } else {
    return 0;
  }
  return MARK;
}
