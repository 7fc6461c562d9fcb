import { describe, expect, it } from "vitest";
import type { RunStep } from "@/api/schema";
import { secondsLeft, stepsInOrder } from "./steps";

const step = (name: string, done: number, running = 0): RunStep => ({
  step: name,
  status: running > 0 ? "running" : "done",
  tasks: done + running,
  expected_tasks: null,
  counts: { failed: 0, killed: 0, caught: 0, running, done },
  cloned: 0,
  retried: 0,
  attempts: done + running,
  started_at: 1000,
  finished_at: running > 0 ? null : 1010,
  median_seconds: null,
  p95_seconds: null,
  longest_seconds: null,
});
const declared = (name: string) => ({ step: name, type: "linear", description: "", next: [] });

it("puts steps that have begun before those that wait", () => {
  const found = stepsInOrder(
    [declared("start"), declared("b"), declared("a"), declared("end")],
    [step("start", 1), step("a", 1), step("gone", 1)],
  );
  expect(found.map((each) => each.step)).toEqual(["start", "a", "gone", "b", "end"]);
  expect(found[2]?.declared).toBeUndefined();
  expect(found[3]?.begun).toBeUndefined();
});

describe("secondsLeft", () => {
  it("goes by the pace so far", () => {
    expect(secondsLeft(step("a", 10, 2), 100, 1020)).toBeCloseTo(180);
  });

  it("says nothing where it would be a guess", () => {
    expect(secondsLeft(step("a", 10, 2), null, 1020)).toBeNull();
    expect(secondsLeft(step("a", 2, 2), 100, 1020)).toBeNull();
    expect(secondsLeft(step("a", 10, 2), 5, 1020)).toBeNull();
    expect(secondsLeft(step("a", 100), 100, 1020)).toBeNull();
  });
});
