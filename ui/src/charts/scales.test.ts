import { expect, test } from "vitest";
import { axisScale, axisText } from "./scales";

test("a scale holds all of its values, and bars begin at nothing", () => {
  const scale = axisScale({ label: "loss" }, [0.2, 0.9], [100, 0], 4, true);
  expect(scale.at(0)).toBe(100);
  expect(scale.at(0.9)).toBeGreaterThanOrEqual(0);
  expect(scale.ticks.map((tick) => tick.text)).toContain("0.4");
});

test("one value, no value and values that are no numbers make a scale too", () => {
  for (const values of [[], [3], [0], [-2], [Number.NaN, 5]]) {
    const scale = axisScale({ label: "x" }, values, [0, 100], 5);
    expect(scale.ticks.length).toBeGreaterThan(0);
    for (const value of values.filter(Number.isFinite)) expect(scale.at(value)).toBeGreaterThanOrEqual(0);
  }
});

test("a logarithmic axis has even steps, and is left where there are values below it", () => {
  const log = axisScale({ label: "lr", isLog: true }, [0.001, 1], [0, 300], 4);
  expect(log.at(0.1) - log.at(0.01)).toBeCloseTo(log.at(1) - log.at(0.1));
  const linear = axisScale({ label: "x", isLog: true }, [0, 100], [0, 100], 4);
  expect(linear.at(50)).toBeCloseTo(50);
});

test("between runs that are counted there is nothing", () => {
  const scale = axisScale({ label: "runs", isWhole: true }, [1, 2, 3], [0, 900], 9);
  expect(scale.ticks.map((tick) => tick.text)).toEqual(["1", "2", "3"]);
});

test("values have their units", () => {
  expect(axisText({ label: "", unit: "seconds" }, 75)).toBe("1 min 15 s");
  expect(axisText({ label: "" }, 0.123456)).toBe("0.1235");
});
