import { expect, it } from "vitest";
import type { TaskRow } from "./queries";
import { errorOf, foreachOf, taskKey } from "./tasks";

const task: TaskRow["task"] = {
  flow: "F",
  run_id: "1",
  step: "fit",
  task_id: "7",
  attempt: 0,
  started_at: 1,
  created_at: null,
  ready_at: null,
  code_started_at: null,
  code_ended_at: null,
  finished_at: null,
  iteration: null,
  origin: null,
  pid: null,
  error: null,
  status: "done",
  ok: true,
  success: true,
  index_path: [],
  foreach_stack: [],
  inputs: [],
  metadata: {},
  values: {},
};

it("tells in one line where a task is, and what ended it", () => {
  expect(taskKey(task)).toBe("fit/7");
  expect(foreachOf(task)).toBe("");
  expect(errorOf(task)).toBe("");
  const failed: typeof task = {
    ...task,
    foreach_stack: [
      ["fold", "a", 0, 2],
      ["items", "", 6, 9],
    ],
    error: ["builtins.ValueError", " bad\nmore"],
  };
  expect(foreachOf(failed)).toBe("a / #6");
  expect(errorOf(failed)).toBe("ValueError: bad");
  expect(errorOf({ ...failed, error: ["builtins.KeyboardInterrupt", ""] })).toBe("KeyboardInterrupt");
});
