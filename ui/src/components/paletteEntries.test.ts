import { describe, expect, it, test } from "vitest";
import type { Facets, RunRow } from "@/api/schema";
import { entriesOf as entriesOfAll, type Known } from "./paletteEntries";

const list = (...names: string[]) => ({ names: names.map((name) => ({ name, runs: 2 })), more: false });
const FACETS = { flows: list("TrainFlow") } as unknown as Facets;
const RUN = { flow: "TrainFlow", run_id: "12", status: "failed", user: "ana" } as RunRow;

const NOTHING: Known = { runs: [], facets: undefined, canStart: false, actions: [] };
const entriesOf = (text: string, known: Partial<Known> = {}) => entriesOfAll(text, { ...NOTHING, ...known });

describe("the palette", () => {
  it("offers pages first, and what was found first once something is typed", () => {
    expect(entriesOf("", { runs: [RUN], facets: FACETS }).map((entry) => entry.label)).toEqual([
      "Runs",
      "Compare",
      "Activity",
      "Switch between light and dark",
      "Show what the keyboard does",
      "TrainFlow/12",
    ]);
    expect(entriesOf("tra", { runs: [RUN], facets: FACETS, canStart: true }).map((entry) => entry.label)).toEqual([
      "TrainFlow/12",
      "TrainFlow",
      "Runs of TrainFlow",
      "Start TrainFlow",
    ]);
    expect(entriesOf("start", { canStart: true }).map((entry) => entry.label)).toEqual(["Start a run"]);
    expect(entriesOf("start a")).toEqual([]);
  });

  test.each([
    ["F/12", { kind: "run", flow: "F", runId: "12" }],
    ["F/12/train", { kind: "step", flow: "F", runId: "12", step: "train" }],
    ["F/12/train/3", { kind: "task", flow: "F", runId: "12", step: "train", taskId: "3" }],
  ])("goes where %s names", (text, target) => {
    expect(entriesOf(text)[0]?.target).toEqual(target);
  });

  it("offers what can be done on the page, first by any of its words", () => {
    const run = () => undefined;
    const actions = [
      { label: "Compare with the last success", run },
      { label: "Delete…", note: "this run", run },
    ];
    expect(new Set(entriesOf("", { actions, runs: [RUN] }).map((entry) => entry.group))).toEqual(
      new Set(["Go to", "Do", "Here", "Runs"]),
    );
    expect(entriesOf("success comp", { actions, runs: [RUN] })[0]?.target).toEqual({ kind: "action", run });
    expect(entriesOf("delete run", { actions }).map((entry) => entry.label)).toEqual(["Delete…"]);
  });

  it("names a run once", () => {
    expect(entriesOf("TrainFlow/12", { runs: [RUN] }).map((entry) => entry.label)).toEqual(["TrainFlow/12"]);
    expect(entriesOf("a/b/c/d/e")).toEqual([]);
  });
});
