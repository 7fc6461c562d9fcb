import { expect, it } from "vitest";
import type { ChangesBetween } from "@/api/schema";
import { notableDurations, nothingChanged } from "./changes";

const changes: ChangesBetween = {
  base: { run_id: "1", status: "done", user: "ann", started_at: 1, finished_at: 2, message: null },
  parameters: [],
  configs: [],
  code: { is_known: true, files: [], left_out: 0 },
  environment: [],
  data: null,
  durations: [
    { step: "a", before: 1, after: 3, tasks_before: 1, tasks_after: 1, is_notable: true },
    { step: "b", before: 1, after: 1.1, tasks_before: 1, tasks_after: 1, is_notable: false },
    { step: "c", before: 30, after: 3, tasks_before: 1, tasks_after: 1, is_notable: true },
  ],
  problems: [],
  most_rows: 200,
};

it("shows durations only where they differ notably, the largest difference first", () => {
  expect(notableDurations(changes.durations).map((each) => each.step)).toEqual(["c", "a"]);
});

it("does not take durations for a change", () => {
  expect(nothingChanged(changes)).toBe(true);
  const entered = { step: "a", task_id: "1", base_task_id: "1", artifacts: [{ name: "x", before: "1", after: "2" }] };
  expect(nothingChanged({ ...changes, data: entered })).toBe(false);
  expect(nothingChanged({ ...changes, parameters: [{ name: "x", before: null, after: "2" }] })).toBe(false);
});
