import { describe, expect, it, test } from "vitest";
import type { Facets, RunRow } from "@/api/schema";
import { entriesOf } from "./paletteEntries";

const list = (...names: string[]) => ({ names: names.map((name) => ({ name, runs: 2 })), more: false });
const FACETS = { flows: list("TrainFlow") } as unknown as Facets;
const RUN = { flow: "TrainFlow", run_id: "12", status: "failed", user: "ana" } as RunRow;

describe("the palette", () => {
  it("offers pages first, and what was found first once something is typed", () => {
    expect(entriesOf("", [RUN], FACETS, false).map((entry) => entry.label)).toEqual([
      "Runs",
      "Compare",
      "Activity",
      "Switch between light and dark",
      "Show what the keyboard does",
      "TrainFlow/12",
    ]);
    expect(entriesOf("tra", [RUN], FACETS, true).map((entry) => entry.label)).toEqual([
      "TrainFlow/12",
      "TrainFlow",
      "Runs of TrainFlow",
    ]);
    expect(entriesOf("start", [], undefined, true).map((entry) => entry.label)).toEqual(["Start a run"]);
    expect(entriesOf("start a", [], undefined, false)).toEqual([]);
  });

  test.each([
    ["F/12", { kind: "run", flow: "F", runId: "12" }],
    ["F/12/train", { kind: "step", flow: "F", runId: "12", step: "train" }],
    ["F/12/train/3", { kind: "task", flow: "F", runId: "12", step: "train", taskId: "3" }],
  ])("goes where %s names", (text, target) => {
    expect(entriesOf(text, [], undefined, false)[0]?.target).toEqual(target);
  });

  it("names a run once", () => {
    expect(entriesOf("TrainFlow/12", [RUN], undefined, false).map((entry) => entry.label)).toEqual(["TrainFlow/12"]);
    expect(entriesOf("a/b/c/d/e", [], undefined, false)).toEqual([]);
  });
});
