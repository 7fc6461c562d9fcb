import { expect, test } from "vitest";
import { formatBytes, formatNumber, plural } from "./numbers";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 KB"],
  [999_600, "1.0 MB"],
  [34_200_000_000, "34 GB"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0.931_234_5, "0.93123"],
  [0.000_000_125, "1.25e-7"],
  [12_345, "12,345"],
  [Number.NaN, "NaN"],
  [Number.POSITIVE_INFINITY, "Infinity"],
])("the number %d is written %s", (value, text) => {
  expect(formatNumber(value)).toBe(text);
});

test("one is not many", () => {
  expect([plural(1, "task"), plural(12_000, "task")]).toEqual(["1 task", "12,000 tasks"]);
});
