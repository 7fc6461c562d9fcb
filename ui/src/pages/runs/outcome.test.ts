import { expect, test } from "vitest";
import { shortOutcome } from "./outcome";

test.each([
  ["Step fit (task-id 2) failed: ValueError: too low (0.8)", "fit: ValueError: too low (0.8)"],
  ["Step fit (task-id 2) failed.", "Step fit (task-id 2) failed."],
  ["cancelled by ana", "cancelled by ana"],
  ["Step fit (task-id 2) failed: ", "Step fit (task-id 2) failed: "],
])("%s is shown as %s", (message, shown) => {
  expect(shortOutcome(message)).toBe(shown);
});
