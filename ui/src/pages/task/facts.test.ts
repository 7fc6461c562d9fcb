import { describe, expect, it } from "vitest";
import { factsOf } from "./facts";

describe("what was noted of an artifact", () => {
  it("is a frame, if it has columns", () => {
    const facts = factsOf({
      shape: [120, 3],
      columns: ["city", 7, 9007199254740993n],
      dtypes: ["str", "int64"],
      head: [["Zürich", "2"]],
      stats: [{}, { missing: 0, min: 1, max: 8 }],
    });
    expect(facts.frame).toMatchObject({ columns: ["city", "7", "9007199254740993"], rowCount: 120, columnCount: 3 });
    expect(facts.frame?.figures).toEqual([
      { missing: null, min: null, max: null, mean: null },
      { missing: 0, min: 1, max: 8, mean: null },
    ]);
    expect(facts.lines).toEqual([["Shape", "120 × 3"]]);
  });

  it("is a histogram, if its ends are known", () => {
    expect(factsOf({ histogram: [1, 2], min: 0, max: 1, sampled: true }).histogram).toEqual({
      counts: [1, 2],
      min: 0,
      max: 1,
      isSampled: true,
    });
    expect(factsOf({ histogram: [1, 2] }).histogram).toBeNull();
    const large = factsOf({ histogram: [1], min: 0, max: 9007199254740993n });
    expect(large.histogram?.max).toBe(9007199254740992);
    expect(large.lines).toContainEqual(["Largest", "9,007,199,254,740,993"]);
  });

  it("survives whatever another version wrote", () => {
    const odd = {
      shape: "x",
      columns: {},
      head: [1, null],
      stats: 5,
      histogram: ["a"],
      min: null,
      tree: null,
      dtype: [],
    };
    expect(factsOf(odd)).toEqual({ frame: null, histogram: null, tree: null, lines: [] });
    expect(factsOf({ columns: ["a"], head: "no", shape: [] }).frame?.rows).toEqual([]);
  });
});
