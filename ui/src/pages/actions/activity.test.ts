import { describe, expect, it } from "vitest";
import type { ActionEntry } from "@/api/schema";
import { detailsOf, sentence } from "./activity";

function entry(fields: Partial<ActionEntry>): ActionEntry {
  return {
    id: "1",
    at: 0,
    ended_at: 1,
    who: "ann",
    address: "127.0.0.1",
    action: "tag",
    runs: [],
    run_count: 1,
    details: {},
    outcome: "done",
    message: "",
    ...fields,
  };
}

describe("what was done", () => {
  it("is told with the number of runs", () => {
    expect(sentence(entry({ run_count: 3 }))).toBe("Changed tags of 3 runs");
    expect(sentence(entry({}))).toBe("Changed tags of");
    expect(sentence(entry({ action: "start", run_count: 0 }))).toBe("Started a run");
    expect(sentence(entry({ action: "start", run_count: 0, outcome: "refused" }))).toBe("Start a run");
    expect(sentence(entry({ action: "delete", run_count: 3, outcome: "failed" }))).toBe("Delete 3 runs");
  });

  it("is told in detail, whatever the details are", () => {
    expect(detailsOf(entry({ details: { added: ["a", 3], removed: ["b"] } }))).toBe("+a  −b");
    expect(detailsOf(entry({ details: { added: "x" } }))).toBeNull();
    expect(detailsOf(entry({ action: "delete", details: { bytes: 1500 } }))).toBe("1.5 KB freed");
    expect(detailsOf(entry({ action: "resume", details: { origin: "F/1", command: "python f.py resume" } }))).toBe(
      "of F/1  python f.py resume",
    );
  });
});
