import { describe, expect, it } from "vitest";
import { branchOf } from "./tree";

describe("the tree of an excerpt", () => {
  it("shows plain values as Python writes them", () => {
    expect([null, true, 1.5, 9007199254740993n, "a\n"].map((value) => branchOf(value))).toEqual([
      { kind: "leaf", look: "word", text: "None" },
      { kind: "leaf", look: "word", text: "True" },
      { kind: "leaf", look: "number", text: "1.5" },
      { kind: "leaf", look: "number", text: "9007199254740993" },
      { kind: "leaf", look: "text", text: '"a\\n"' },
    ]);
  });

  it("shows objects by their previews", () => {
    expect(branchOf({ $: "<mine.Model>" })).toEqual({ kind: "leaf", look: "odd", text: "<mine.Model>" });
  });

  it("counts what was left out", () => {
    expect(branchOf([1, 2, { $more: 98 }])).toMatchObject({
      items: [
        [null, 1],
        [null, 2],
      ],
      leftOut: 98,
      count: 100,
    });
    expect(branchOf({ a: 1, $more: 3 })).toMatchObject({ items: [["a", 1]], leftOut: 3, count: 4 });
    expect(branchOf([])).toMatchObject({ count: 0, leftOut: 0 });
  });

  it("takes a dictionary of a user's that looks like that for what it is", () => {
    expect(branchOf({ $more: "many" })).toMatchObject({ kind: "branch", items: [["$more", "many"]], leftOut: 0 });
    expect(branchOf({ $: 1 })).toMatchObject({ kind: "branch", count: 1 });
  });
});
