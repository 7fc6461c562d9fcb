/** The part of time that is shown, in milliseconds since the start of the run. */
export interface View {
  from: number;
  to: number;
}

/** No less than this many milliseconds are shown. */
const SHORTEST = 5;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((count) => count * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR),
  ...[1, 2, 7, 14, 28, 91, 364].map((count) => count * DAY),
];

/** All of a run, with a little room at both ends. */
export function fitted(end: number): View {
  return { from: -end * 0.01, to: end * 1.03 };
}

/** Keep a view within the run and not too narrow. */
export function clamped(view: View, end: number): View {
  const bounds = fitted(end);
  const widest = bounds.to - bounds.from;
  const length = Math.min(widest, Math.max(Math.min(SHORTEST, widest), view.to - view.from));
  const from = Math.min(Math.max(view.from, bounds.from), bounds.to - length);
  return { from, to: from + length };
}

/** Show more (factor above 1) or less, while what is at `at` stays where it is. */
export function zoomed(view: View, at: number, factor: number, end: number): View {
  const length = Math.max(SHORTEST, (view.to - view.from) * factor);
  const share = (at - view.from) / (view.to - view.from);
  return clamped({ from: at - share * length, to: at + (1 - share) * length }, end);
}

/** Show what is later (or, below 0, earlier) by this share of what is shown. */
export function panned(view: View, share: number, end: number): View {
  const by = (view.to - view.from) * share;
  return clamped({ from: view.from + by, to: view.to + by }, end);
}

/** The view, moved so that something is in it; narrower views stay as narrow. */
export function revealing(view: View, from: number, to: number, end: number): View {
  if (from >= view.from && to <= view.to) return view;
  const length = view.to - view.from;
  if (to - from > length) {
    // What is longer than the view is shown from its beginning, unless a part of it is in the view already.
    return from < view.to && to > view.from
      ? view
      : clamped({ from: from - 0.05 * length, to: from + 0.95 * length }, end);
  }
  const middle = (from + to) / 2;
  return clamped({ from: middle - length / 2, to: middle + length / 2 }, end);
}

export function positionOf(time: number, view: View, width: number): number {
  return ((time - view.from) / (view.to - view.from)) * width;
}

export function timeAt(position: number, view: View, width: number): number {
  return view.from + (position / Math.max(1, width)) * (view.to - view.from);
}

/** Times with a round number that are at least `gap` pixels apart. `shift` is what is added to a time before it is round. */
export function ticks(view: View, width: number, gap: number, shift = 0): { step: number; times: number[] } {
  const least = ((view.to - view.from) * gap) / Math.max(1, width);
  const last = STEPS[STEPS.length - 1] ?? DAY;
  const step = STEPS.find((each) => each >= least) ?? Math.ceil(least / last) * last;
  const times = [];
  const first = Math.ceil((view.from + shift) / step) * step - shift;
  for (let time = first; time <= view.to; time += step) times.push(time);
  return { step, times };
}

/** A time of the axis as people read it: `0`, `250 ms`, `1.5 s`, `2 min 30 s`, `1 h 05 min`. */
export function formatTick(time: number, step: number): string {
  const sign = time < 0 ? "−" : "";
  const length = Math.abs(Math.round(time));
  if (length === 0) return "0";
  if (step < SECOND && length < SECOND) return `${sign}${length} ms`;
  if (length < MINUTE)
    return `${sign}${(length / SECOND).toFixed(step < 10 ? 3 : step < 100 ? 2 : step < SECOND ? 1 : 0)} s`;
  const seconds = (length % MINUTE) / SECOND;
  const minutes = Math.floor(length / MINUTE) % 60;
  if (length < HOUR) {
    if (seconds === 0) return `${sign}${minutes} min`;
    const digits = step < 10 ? 3 : step < 100 ? 2 : step < SECOND ? 1 : 0;
    return `${sign}${minutes} min ${seconds.toFixed(digits).padStart(digits === 0 ? 2 : digits + 3, "0")} s`;
  }
  const rest = step < MINUTE ? `:${seconds.toFixed(step < SECOND ? 1 : 0).padStart(2, "0")}` : "";
  const hours = Math.floor(length / HOUR);
  if (length >= 2 * DAY && step >= HOUR) return `${sign}${Math.floor(length / DAY)} d ${hours % 24} h`;
  return `${sign}${hours}:${String(minutes).padStart(2, "0")}${rest} h`;
}

/** A time of day of the axis, as exact as the distance of ticks asks for. */
export function formatClock(milliseconds: number, step: number): string {
  const date = new Date(milliseconds);
  const two = (number: number) => String(number).padStart(2, "0");
  if (step >= DAY) return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (step >= MINUTE) return clock;
  const fraction = step >= SECOND ? "" : `.${String(date.getMilliseconds()).padStart(3, "0")}`;
  return `${clock}:${two(date.getSeconds())}${fraction}`;
}
