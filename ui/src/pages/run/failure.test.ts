import { describe, expect, it } from "vitest";
import type { FailedTask, RunFailure } from "@/api/schema";
import { errorTitle, failureTitle, placeOf } from "./failure";

const failed = (fields: Partial<FailedTask>): FailedTask => ({
  step: "fit",
  task_id: "7",
  attempt: 0,
  status: "failed",
  started_at: 1,
  finished_at: 2,
  foreach: [],
  error_type: null,
  error_message: null,
  traceback: null,
  frames: [],
  source: null,
  log: [],
  artifacts: [],
  spin_command: "",
  logs_command: "",
  ...fields,
});

describe("errorTitle", () => {
  it("says in one line what went wrong", () => {
    expect(errorTitle(failed({ error_type: "ValueError", error_message: "bad\nmore" }))).toBe("ValueError: bad");
    expect(errorTitle(failed({ error_type: "sklearn.exceptions.NotFittedError" }))).toBe("NotFittedError");
    expect(errorTitle(failed({}))).toBe("It ended without a result");
  });
});

describe("failureTitle", () => {
  const failure = (task: FailedTask | null, message: string | null) => ({ task, message }) as RunFailure;
  it("tells of the task that failed, or of what ended the run with all its tasks", () => {
    const broken = failed({ error_type: "ValueError", error_message: "bad" });
    expect(failureTitle(failure(broken, "Step fit failed."))).toBe("ValueError: bad");
    expect(failureTitle(failure(failed({ status: "killed" }), "stopped by a signal"))).toBe("Stopped by a signal");
    expect(failureTitle(failure(failed({ status: "killed" }), null))).toBe("It ended without a result");
    expect(failureTitle(failure(null, ""))).toBe("The run failed");
  });
});

describe("placeOf", () => {
  it("names the values of all foreaches, or their numbers", () => {
    const place = (variable: string, value: string, index: number) => ({ variable, value, index, splits: 9 });
    expect(placeOf([place("fold", "a", 0), place("items", "", 6)])).toBe("fold = a, items = #6");
  });
});
