import { describe, expect, it } from "vitest";
import { addressOf, countOf, firstTab, tabOf, toQuery } from "./address";

const task = { flow: "F", runId: "1/2", step: "a&b", taskId: "<x>" };

describe("the address of a task's page", () => {
  it("names a view that exists, or none", () => {
    expect(tabOf({ tab: "cards" })).toBe("cards");
    expect(tabOf({ tab: ["lineage", "cards"] })).toBe("lineage");
    expect(tabOf({ tab: "no such" })).toBeUndefined();
    expect(tabOf({})).toBeUndefined();
  });

  it("begins with the log of what runs or failed", () => {
    expect(["running", "failed", "killed", "done"].map(firstTab)).toEqual(["logs", "logs", "logs", "artifacts"]);
  });

  it("has counts that are counts", () => {
    expect(countOf({ attempt: "0" }, "attempt")).toBe(0);
    for (const odd of ["-1", "1.5", "x", "", "99999", "1e3"])
      expect(countOf({ attempt: odd }, "attempt")).toBeUndefined();
  });

  it("keeps names apart from what has a meaning in addresses", () => {
    const url = new URL(addressOf("artifact/raw", task, 2, { name: "a=b&c" }), "http://x");
    expect(Object.fromEntries(url.searchParams)).toEqual({
      flow: "F",
      run_id: "1/2",
      step: "a&b",
      task_id: "<x>",
      attempt: "2",
      name: "a=b&c",
    });
    expect(toQuery(task)).not.toHaveProperty("attempt");
  });
});
