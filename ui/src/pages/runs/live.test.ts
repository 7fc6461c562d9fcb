// @vitest-environment happy-dom
import { expect, it } from "vitest";
import type { RunRow } from "@/api/schema";
import type { RunPages } from "./queries";
import { bothHappened, goingOn, note, nothingHappened, patched, withMore, withinLoaded } from "./live";

function row(runId: string, startedAt: number, status: RunRow["status"] = "done"): RunRow {
  return {
    flow: "F",
    run_id: runId,
    user: "u",
    status,
    started_at: startedAt,
    finished_at: null,
    message: null,
    tags: [],
    project: null,
    branch: null,
    origin_run_id: null,
    triggers: [],
    tasks: null,
    silence: null,
    parameters: {},
    artifacts: {},
  };
}

function pages(...runs: RunRow[][]): RunPages {
  return {
    pages: runs.map((page, index) => ({
      runs: page,
      next: index < runs.length - 1 ? "more" : null,
      total: index === 0 ? 3 : null,
      total_is_exact: true,
    })),
    pageParams: runs.map(() => null),
  };
}

const ids = (found: RunPages) => found.pages.map((page) => page.runs.map((each) => each.run_id));

it("runs that go on are those that are running", () => {
  expect(goingOn(pages([row("1", 1, "running"), row("2", 2)], [row("3", 3, "running")]))).toEqual(["F/1", "F/3"]);
  expect(goingOn(undefined)).toEqual([]);
});

it("events name the runs that changed, began and went", () => {
  const happened = nothingHappened();
  note(happened, [
    { id: 1, kind: "run_started", data: { run: { flow: "F", run_id: "1" } } },
    { id: 2, kind: "task_ended", data: { task: { flow: "F", run_id: "2", step: "a" } } },
    { id: 3, kind: "heartbeat", data: { flow: "F", run_id: "3", at: 1 } },
    { id: 4, kind: "run_forgotten", data: { flow: "F", run_id: "2" } },
    { id: 5, kind: "run_started", data: {} },
  ]);
  expect([[...happened.changed], [...happened.moved], [...happened.forgotten]]).toEqual([["F/1"], ["F/1"], ["F/2"]]);
});

it("rows change in their places, and go", () => {
  const before = pages([row("3", 3), row("2", 2)], [row("1", 1)]);
  const after = patched(before, [row("2", 2, "failed")], new Set(["F/1"]));
  expect(ids(after)).toEqual([["3", "2"], []]);
  expect(after.pages[0]?.runs[1]?.status).toBe("failed");
  expect(after.pages[0]?.total).toBe(2);
  expect(patched(before, [], new Set())).toBe(before);
});

it("what could not be set right is kept beside what happened since", () => {
  const before = { changed: new Set(["F/1", "F/2"]), moved: new Set(["F/2"]), forgotten: new Set(["F/3", "F/4"]) };
  const after = { changed: new Set(["F/3"]), moved: new Set(["F/3"]), forgotten: new Set(["F/2"]) };
  expect(bothHappened(before, after)).toEqual({
    changed: new Set(["F/1", "F/3"]),
    moved: new Set(["F/3"]),
    forgotten: new Set(["F/4", "F/2"]),
  });
});

it("how many there are beyond what is counted stays unknown", () => {
  const counted = pages([row("3", 3)]);
  const uncounted = {
    ...counted,
    pages: counted.pages.map((page) => ({ ...page, total: 1000, total_is_exact: false })),
  };
  expect(patched(withMore(uncounted, [row("4", 4)]), [], new Set(["F/3"])).pages[0]?.total).toBe(1000);
});

it("new rows come where their start puts them, once", () => {
  const before = pages([row("3", 3), row("1", 1)]);
  const after = withMore(before, [row("4", 4), row("2", 2), row("3", 3)]);
  expect(ids(after)).toEqual([["4", "3", "2", "1"]]);
  expect(after.pages[0]?.total).toBe(5);
  expect(withMore(after, [row("4", 4)])).toBe(after);
});

it("what lies behind the loaded end is left for its page", () => {
  const before = { ...pages([row("5", 5), row("3", 3)], [row("2", 2)]) };
  const unfinished = { ...before, pages: before.pages.slice(0, 1) };
  expect(withinLoaded(unfinished, [row("4", 4), row("1", 1)]).map((each) => each.run_id)).toEqual(["4"]);
  expect(withinLoaded(before, [row("1", 1)]).map((each) => each.run_id)).toEqual(["1"]);
});
