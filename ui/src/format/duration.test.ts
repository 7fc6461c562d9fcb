import { expect, test } from "vitest";
import { formatDuration } from "./duration";

test.each([
  [0, "0 ms"],
  [-3, "0 ms"],
  [0.0851, "85 ms"],
  [0.9996, "1.0 s"],
  [3.24, "3.2 s"],
  [9.96, "10 s"],
  [59.6, "1 min 00 s"],
  [245, "4 min 05 s"],
  [7620, "2 h 07 min"],
  [86_399, "1 d 0 h"],
  [273_600, "3 d 4 h"],
  [Number.NaN, "–"],
])("%d seconds are %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});
