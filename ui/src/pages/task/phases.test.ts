import { describe, expect, it } from "vitest";
import type { TaskState } from "@/api/schema";
import { phasesOf } from "./phases";

const NOW = 100;
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
    expect(phasesOf(task, NOW).map((each) => [each.name, each.seconds])).toEqual([
      ["waited", 1],
      ["start-up", 1],
      ["code", 6],
      ["saving", 1],
    ]);
    expect(phasesOf(task, NOW).reduce((sum, each) => sum + each.share, 0)).toBeCloseTo(1);
  });

  it("are not made up where nothing was recorded", () => {
    expect(phasesOf({ ...task, code_started_at: null, code_ended_at: null }, NOW)).toEqual([]);
    expect(phasesOf({ ...task, finished_at: null, status: "killed" }, NOW)).toEqual([]);
  });

  it("of an attempt that runs end now, with its code", () => {
    const running = { ...task, status: "running" as const, code_ended_at: null, finished_at: null };
    expect(phasesOf(running, NOW).map((each) => [each.name, each.seconds])).toEqual([
      ["waited", 1],
      ["start-up", 1],
      ["code", 89],
    ]);
  });

  it("of an attempt that was killed end with its code", () => {
    const killed = phasesOf({ ...task, status: "killed", code_ended_at: null }, NOW);
    expect(killed.map((each) => each.name)).toEqual(["waited", "start-up", "code"]);
  });

  it("are never negative, whatever clocks say", () => {
    const odd = phasesOf({ ...task, ready_at: 50, code_started_at: 9 }, NOW);
    expect(odd.every((each) => each.seconds >= 0)).toBe(true);
    expect(odd.map((each) => each.name)).toEqual(["code", "saving"]);
  });
});
