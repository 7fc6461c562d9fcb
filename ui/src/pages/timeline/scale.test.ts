import { describe, expect, it } from "vitest";
import {
  clamped,
  fitted,
  formatClock,
  formatTick,
  panned,
  positionOf,
  revealing,
  ticks,
  timeAt,
  zoomed,
} from "./scale";

const END = 60_000;

/** Views and positions at random, the same ones each time. */
function* cases(count: number) {
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  for (let each = 0; each < count; each++) {
    const from = random() * END;
    yield { view: { from, to: from + 1 + random() * END }, at: random() * END, factor: 0.1 + random() * 4 };
  }
}

describe("a view", () => {
  it("stays within the run and never becomes empty, whatever is done to it", () => {
    const all = fitted(END);
    for (const { view, at, factor } of cases(300)) {
      for (const next of [clamped(view, END), zoomed(view, at, factor, END), panned(view, factor - 2, END)]) {
        expect(next.from).toBeGreaterThanOrEqual(all.from - 1e-6);
        expect(next.to).toBeLessThanOrEqual(all.to + 1e-6);
        expect(next.to - next.from).toBeGreaterThan(4);
      }
    }
  });

  it("keeps what is under the pointer where it is when it is zoomed", () => {
    const view = { from: 20_000, to: 30_000 };
    const next = zoomed(view, 22_000, 0.5, END);
    expect(positionOf(22_000, next, 1000)).toBeCloseTo(positionOf(22_000, view, 1000));
    expect(next.to - next.from).toBeCloseTo(5000);
  });

  it("has positions and times that belong together", () => {
    for (const { view, at } of cases(50)) expect(timeAt(positionOf(at, view, 800), view, 800)).toBeCloseTo(at, 3);
  });

  it("moves only if what is to be seen is outside", () => {
    const view = { from: 10_000, to: 20_000 };
    expect(revealing(view, 12_000, 13_000, END)).toBe(view);
    const moved = revealing(view, 40_000, 41_000, END);
    expect(moved.from).toBeLessThan(40_000);
    expect(moved.to).toBeGreaterThan(41_000);
    expect(moved.to - moved.from).toBeCloseTo(10_000);
    expect(revealing(view, 5_000, 50_000, END)).toBe(view);
  });
});

describe("ticks", () => {
  it("are round, in the view, and far enough apart at every scale", () => {
    for (const length of [7, 90, 1200, 45_000, 600_000, 2e7, 3e9, 9e11]) {
      const view = { from: length * 0.33, to: length * 1.33 };
      const { step, times } = ticks(view, 1000, 96);
      expect(times.length).toBeGreaterThan(0);
      expect(times.length).toBeLessThanOrEqual(12);
      for (const time of times) expect(time % step).toBeCloseTo(0, 3);
    }
  });

  it("are round hours of the day if the axis is a clock", () => {
    const shift = 90_000; // the run began a minute and a half after the hour
    const { step, times } = ticks({ from: 0, to: 600_000 }, 1000, 96, shift);
    for (const time of times) expect((time + shift) % step).toBe(0);
  });
});

describe("formatTick", () => {
  it.each([
    [0, 1000, "0"],
    [250, 50, "250 ms"],
    [1500, 500, "1.5 s"],
    [1005, 5, "1.005 s"],
    [59_000, 1000, "59 s"],
    [60_000, 30_000, "1 min"],
    [150_000, 30_000, "2 min 30 s"],
    [61_500, 500, "1 min 01.5 s"],
    [3_900_000, 300_000, "1:05 h"],
    [3 * 86_400_000, 21_600_000, "3 d 0 h"],
    [-2000, 1000, "−2 s"],
  ])("says %i ms with steps of %i ms as %s", (time, step, text) => {
    expect(formatTick(time, step)).toBe(text);
  });
});

describe("formatClock", () => {
  const at = new Date(2026, 2, 7, 14, 5, 9, 42).getTime();

  it("is as exact as its ticks", () => {
    expect(formatClock(at, 10)).toBe("14:05:09.042");
    expect(formatClock(at, 1000)).toBe("14:05:09");
    expect(formatClock(at, 60_000)).toBe("14:05");
    expect(formatClock(at, 86_400_000)).toBe("2026-03-07");
  });
});
