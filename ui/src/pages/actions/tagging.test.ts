// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { shellCommand } from "./commands";
import { changed, inverses } from "./tagging";

describe("tags", () => {
  it("are removed before others are added", () => {
    expect(changed(["b", "a"], ["c", "a"], ["b", "a"])).toEqual(["a", "c"]);
    expect(changed([], [], ["x"])).toEqual([]);
  });

  it("are changed back for exactly those runs that were changed, each as it was", () => {
    const change = { tags: [], problem: null, note: null };
    const back = inverses([
      { ...change, flow: "F", run_id: "1", added: ["a"], removed: [] },
      { ...change, flow: "F", run_id: "2", added: [], removed: [] },
      { ...change, flow: "F", run_id: "3", added: ["a"], removed: [] },
      { ...change, flow: "G", run_id: "4", added: ["a"], removed: ["b"] },
    ]);
    expect(back).toEqual([
      {
        runs: [
          { flow: "F", runId: "1" },
          { flow: "F", runId: "3" },
        ],
        add: [],
        remove: ["a"],
      },
      { runs: [{ flow: "G", runId: "4" }], add: ["b"], remove: ["a"] },
    ]);
  });
});

describe("commands", () => {
  it("are quoted for a shell", () => {
    expect(shellCommand("metaflow", "runs", "show", "F/1")).toBe("metaflow runs show F/1");
    expect(shellCommand("a", "b c", "it's", "$(id)", "")).toBe(`a 'b c' 'it'"'"'s' '$(id)' ''`);
  });
});
