import { expect, test } from "vitest";
import { branchesOf, leafCounts, leavesOf } from "./tree";

test.each([
  [null, 1],
  ["text", 1],
  [{}, 1],
  [[], 1],
  [{ a: [1, 2, { b: null }], c: {}, d: 5 }, 5],
])("%j has %d values", (data, count) => {
  expect(leavesOf(data, leafCounts(data))).toBe(count);
});

test("any depth can be counted", () => {
  let data: unknown = 1;
  for (let depth = 0; depth < 50_000; depth += 1) data = [data, 1];
  expect(leavesOf(data, leafCounts(data))).toBe(50_001);
});

test("elements of a list are called by their numbers", () => {
  expect(branchesOf(["x", "y"])).toEqual([
    ["0", "x"],
    ["1", "y"],
  ]);
});
