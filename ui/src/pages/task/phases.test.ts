import { describe, expect, it } from "vitest";
import type { TaskState } from "@/api/schema";
import { phasesOf } from "./phases";

const task: TaskState = {
  step: "a",
  task_id: "1",
  attempt: 0,
  status: "done",
  ok: true,
  success: true,
  created_at: 10,
  ready_at: 9,
  started_at: 10,
  code_started_at: 11,
  code_ended_at: 17,
  finished_at: 18,
  iteration: null,
  origin: null,
  pid: null,
};

describe("phases of an attempt", () => {
  it("add up to the whole", () => {
    expect(phasesOf(task).map((each) => [each.name, each.seconds])).toEqual([
      ["waited", 1],
      ["start-up", 1],
      ["code", 6],
      ["saving", 1],
    ]);
    expect(phasesOf(task).reduce((sum, each) => sum + each.share, 0)).toBeCloseTo(1);
  });

  it("are not made up where nothing was recorded", () => {
    expect(phasesOf({ ...task, code_ended_at: null })).toEqual([]);
    expect(phasesOf({ ...task, finished_at: null })).toEqual([]);
  });

  it("are never negative, whatever clocks say", () => {
    const odd = phasesOf({ ...task, ready_at: 50, code_started_at: 9 });
    expect(odd.every((each) => each.seconds >= 0)).toBe(true);
    expect(odd.map((each) => each.name)).toEqual(["code", "saving"]);
  });
});
