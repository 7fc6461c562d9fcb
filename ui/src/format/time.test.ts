import { expect, test } from "vitest";
import { formatExactTime, formatRelativeTime } from "./time";

const NOW = 1_800_000_000;

test.each([
  [0, "now"],
  [12.4, "12 s ago"],
  [60, "1 min ago"],
  [3 * 3600 + 5, "3 h ago"],
  [47 * 3600, "1 d ago"],
  [6 * 86_400, "6 d ago"],
])("%d seconds ago is %s", (ago, text) => {
  expect(formatRelativeTime(NOW - ago, NOW)).toBe(text);
});

test("what is long ago has a date, and no moment at all a dash", () => {
  expect(formatRelativeTime(NOW - 40 * 86_400, NOW)).toMatch(/^\d{4}-\d\d-\d\d$/);
  expect(formatRelativeTime(Number.NaN, NOW)).toBe("–");
  expect(formatExactTime(NOW + 0.123)).toMatch(/^2027-01-1\d \d\d:\d\d:\d\d\.123 \S/);
});
