import { expect, it, test } from "vitest";
import type { PastRun } from "@/api/schema";
import { barHeights, MARK_HEIGHT, markPath, secondsOf } from "./lastRuns";

const run = (status: PastRun["status"], finished_at: number | null): PastRun => ({
  run_id: "1",
  status,
  started_at: 100,
  finished_at,
});

it("knows how long runs took, and take so far", () => {
  expect(
    [run("done", 103), run("running", null), run("stopped", null), run("done", 99)].map((each) => secondsOf(each, 110)),
  ).toEqual([3, 10, null, 0]);
});

it("gives the longest the tallest bar, and each one that can be seen", () => {
  expect(barHeights([0, 25, 100, null])).toEqual([4, 10, 15, 4]);
  expect(barHeights([])).toEqual([]);
});

test.each(["done", "failed", "stopped", "running"] as const)(
  "the shape of %s is its own, and within its mark",
  (status) => {
    const others = (["done", "failed", "stopped", "running"] as const).filter((each) => each !== status);
    for (const height of [4, 15]) {
      expect(others.map((each) => markPath(each, height))).not.toContain(markPath(status, height));
      // The arms of a cross end 0.8 above where it begins.
      const highest = Math.min(
        ...[...markPath(status, height).matchAll(/M[\d.]+ ([\d.-]+)/g)].map((found) => Number(found[1])),
      );
      expect(highest - 0.8).toBeGreaterThanOrEqual(0);
      expect(MARK_HEIGHT - height).toBeGreaterThanOrEqual(highest - 1.5);
    }
  },
);
