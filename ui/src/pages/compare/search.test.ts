import { expect, test } from "vitest";
import { parseSearch, stringifySearch } from "@/app/search";
import { compareSearch, readRuns, readView, reordered, writeView, type CompareView } from "./search";

const A = { flow: "A", runId: "1" };
const ODD = { flow: "Flöw,x%2C", runId: "a/b,c%" };

test("an address holds the whole view", () => {
  const view: CompareView = {
    runs: [A, ODD, { flow: "A", runId: "2" }],
    baseline: ODD,
    showAll: true,
    folded: ["code", "run"],
    filter: "al pha",
    chart: "scatter",
    fields: ["metrics:loss", "parameters:a:b"],
    better: new Map([
      ["metrics:acc", "higher"],
      ["metrics:loss", "lower"],
    ]),
  };
  expect(readView(parseSearch(stringifySearch(writeView(view))))).toEqual(view);
});

test("runs are read once each, as people write them, and what is no run is left out", () => {
  expect(readRuns(["A/1, A/2,A/1", "nonsense", "/x", "y/", "B/100%"])).toEqual([
    A,
    { flow: "A", runId: "2" },
    { flow: "B", runId: "100%" },
  ]);
  expect(readRuns(Array.from({ length: 80 }, (_, index) => `F/${index}`))).toHaveLength(50);
});

test("the first run is the baseline unless another one of them is", () => {
  expect(readView({ runs: "A/1,A/2" }).baseline).toEqual(A);
  expect(readView({ runs: "A/1,A/2", baseline: "B/9" }).baseline).toEqual(A);
  expect(readView({ runs: "A/1,A/2", baseline: "A/2" }).baseline?.runId).toBe("2");
  expect(readView({}).baseline).toBeNull();
});

test("links from other pages", () => {
  expect(compareSearch([A, ODD])).toEqual({ runs: "A/1,Flöw%2Cx%252C/a/b%2Cc%25" });
});

test("runs change places", () => {
  const runs = ["1", "2", "3"].map((runId) => ({ flow: "A", runId }));
  expect(reordered(runs, A, 2).map((run) => run.runId)).toEqual(["2", "3", "1"]);
  expect(reordered(runs, A, 99).map((run) => run.runId)).toEqual(["2", "3", "1"]);
  expect(reordered(runs, { flow: "A", runId: "3" }, 0).map((run) => run.runId)).toEqual(["3", "1", "2"]);
});
