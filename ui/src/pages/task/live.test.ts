import { expect, it } from "vitest";
import { isAbout } from "./live";

const event = (kind: string, data: Record<string, unknown>) => ({ id: 1, kind, data });

it("listens to what is about the task, or ends its run", () => {
  expect(isAbout(event("task_ended", { task: { step: "a", task_id: "1" } }), "a", "1")).toBe(true);
  expect(isAbout(event("task_ended", { task: { step: "a", task_id: "2" } }), "a", "1")).toBe(false);
  expect(isAbout(event("run_ended", { run_id: "1" }), "a", "1")).toBe(true);
  expect(isAbout(event("heartbeat", { run_id: "1" }), "a", "1")).toBe(false);
});
