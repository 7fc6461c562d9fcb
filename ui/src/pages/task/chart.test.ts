import { describe, expect, it } from "vitest";
import { indexNear, linePath, scaleOf, ticksOf } from "./chart";

describe("charts", () => {
  it("end at round numbers that hold all values", () => {
    expect([0, 0.7, 1, 1.2, 7, 99, 2.5e9].map(scaleOf)).toEqual([1, 0.8, 1, 1.5, 8, 100, 3e9]);
  });

  it("name few times, whatever the length", () => {
    for (const seconds of [0.5, 3, 61, 3600, 500_000, 1e7]) {
      const ticks = ticksOf(seconds, 400);
      expect(ticks[0]).toBe(0);
      expect(ticks.length).toBeLessThanOrEqual(6);
      expect(Math.max(...ticks)).toBeLessThanOrEqual(seconds);
    }
  });

  it("find the point below the pointer", () => {
    expect(indexNear([1, 2, 4], 2.9)).toBe(1);
    expect(indexNear([1, 2, 4], 100)).toBe(2);
    expect(indexNear([], 1)).toBeNull();
  });

  it("break the line where nothing is known", () => {
    const same = (value: number) => value;
    expect(linePath([0, 1, 2, 3], [1, null, 2, 3], same, same)).toBe("M0.0 1.0M2.0 2.0L3.0 3.0");
  });
});
