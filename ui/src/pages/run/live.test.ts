// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LiveEvent } from "@/api/events";
import { outdatedBy, Refresher } from "./live";

const event = (kind: string, data: Record<string, unknown> = {}): LiveEvent => ({ id: 1, kind, data });

describe("outdatedBy", () => {
  it("names what an event makes out of date, and no more", () => {
    expect(outdatedBy([event("heartbeat")])).toEqual(new Set());
    expect(outdatedBy([event("task_started")])).toEqual(new Set(["steps", "tasks"]));
    expect(outdatedBy([event("task_ended", { task: { status: "failed" } })])).toContain("failure");
    expect(outdatedBy([event("task_ended", { task: null })])).not.toContain("failure");
    expect(outdatedBy([event("run_ended")])).toContain("details");
  });
});

describe("Refresher", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("reads together what came together, and what came meanwhile afterwards", async () => {
    const reads: string[][] = [];
    let finish: () => void = () => undefined;
    const refresher = new Refresher((parts) => {
      reads.push([...parts]);
      return new Promise((resolve) => {
        finish = resolve;
      });
    });
    refresher.note(["steps"]);
    refresher.note(["tasks", "steps"]);
    await vi.runAllTimersAsync();
    expect(reads).toEqual([["steps", "tasks"]]);
    refresher.note(["details"]);
    await vi.runAllTimersAsync();
    expect(reads).toHaveLength(1);
    finish();
    await vi.runAllTimersAsync();
    expect(reads).toEqual([["steps", "tasks"], ["details"]]);
  });

  it("reads nothing once it was stopped", async () => {
    const read = vi.fn(() => Promise.resolve());
    const refresher = new Refresher(read);
    refresher.note(["steps"]);
    refresher.stop();
    refresher.note(["tasks"]);
    await vi.runAllTimersAsync();
    expect(read).not.toHaveBeenCalled();
  });
});
