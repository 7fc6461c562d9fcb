import { expect, test } from "vitest";
import type { Exact } from "./json";
import { byteUnit, difference, formatBytes, formatNumber, plural } from "./numbers";

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KB"],
  [1024 ** 2 * 99.9, "99.9 MB"],
  [1024 ** 2 * 500, "500 MB"],
  [1024 ** 2 - 1, "1.0 MB"],
  [1024 ** 4, "1.0 TB"],
  [1024 ** 4 * 5000, "5,000.0 TB"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each<[Exact, string]>([
  [9_007_199_254_740_991, "9,007,199,254,740,991"],
  [-9_007_199_254_740_993n, "-9,007,199,254,740,993"],
  [0.931_234_5, "0.93123"],
  [0.000_000_125, "1.25e-7"],
  [12_345, "12,345"],
  [Number.NaN, "NaN"],
  [Number.POSITIVE_INFINITY, "Infinity"],
])("the number %s is written %s", (value, text) => {
  expect(formatNumber(value)).toBe(text);
});

test.each<[Exact, Exact, Exact]>([
  [3, 1, 2],
  [9_007_199_254_740_993n, 9_007_199_254_740_992n, 1],
  [9_007_199_254_740_993n, -1, 9_007_199_254_740_994n],
  [1, 9_007_199_254_740_993n, -9_007_199_254_740_992n],
  [9_007_199_254_740_992n, 0.5, 9_007_199_254_740_992],
])("%s less %s is %s", (number, less, left) => {
  expect(difference(number, less)).toBe(left);
});

test.each([
  [0, 1],
  [1023, 1],
  [1024, 1024],
  [5_000_000, 1024 ** 2],
  [1024 ** 3, 1024 ** 3],
])("%d bytes are counted in units of %d", (bytes, unit) => {
  expect(byteUnit(bytes)).toBe(unit);
});

test("one is not many", () => {
  expect([plural(1, "task"), plural(12_000, "task")]).toEqual(["1 task", "12,000 tasks"]);
});
