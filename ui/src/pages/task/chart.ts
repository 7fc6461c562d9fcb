/** The end of an axis that holds a value: a round number not much above it. */
export function scaleOf(highest: number): number {
  if (!(highest > 0)) return 1;
  const size = 10 ** Math.floor(Math.log10(highest));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * size).find((end) => end >= highest) ?? highest;
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 172_800, 604_800];
const LABEL_WIDTH = 90;

/** Times to be named below a chart, from 0 on: round ones that leave room for their names. */
export function ticksOf(seconds: number, width: number): number[] {
  const most = Math.max(1, Math.floor(width / LABEL_WIDTH));
  const step = STEPS.find((each) => seconds / each <= most) ?? seconds;
  const ticks = [];
  for (let time = 0; time <= seconds && ticks.length <= most; time += step) ticks.push(time);
  return ticks;
}

/** Index of the time that is nearest to another one; times are in order. */
export function indexNear(times: readonly number[], wanted: number): number | null {
  if (times.length === 0) return null;
  let nearest = 0;
  for (let index = 1; index < times.length; index += 1) {
    const nearer = Math.abs((times[index] ?? 0) - wanted) < Math.abs((times[nearest] ?? 0) - wanted);
    if (nearer) nearest = index;
  }
  return nearest;
}

/** A line through all values that are known; where some are missing, it is broken. */
export function linePath(
  times: readonly number[],
  values: readonly (number | null)[],
  x: (time: number) => number,
  y: (value: number) => number,
): string {
  let path = "";
  let isBroken = true;
  times.forEach((time, index) => {
    const value = values[index];
    if (value === null || value === undefined) {
      isBroken = true;
      return;
    }
    path += `${isBroken ? "M" : "L"}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
    isBroken = false;
  });
  return path;
}
