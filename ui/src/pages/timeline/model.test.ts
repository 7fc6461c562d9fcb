import { describe, expect, it } from "vitest";
import type { Timeline } from "@/api/schema";
import { attemptsOf, endOf, lengthsOf, merged, modelOf, phasesOf, stateOf } from "./model";
import { answerOf } from "./testAnswers";

const NOW = 1_000_000_000;

describe("modelOf", () => {
  it("finds the attempts of a task in whatever order they come", () => {
    const model = modelOf(
      answerOf(
        ["work"],
        [
          { step: 0, task: "7", attempt: 2, state: "done" },
          { step: 0, task: "7", attempt: 0, state: "failed" },
          { step: 0, task: "8", attempt: 0, state: "done" },
          { step: 0, task: "7", attempt: 1, state: "failed" },
        ],
      ),
      NOW,
    );
    expect([...(model.tasks[0] ?? [])]).toEqual([0, 2]);
    expect(attemptsOf(model, 0)).toEqual([1, 3, 0]);
    expect(stateOf(model, 0)).toBe("done");
  });
});

describe("merged", () => {
  const first = () =>
    modelOf(
      answerOf(
        ["start", "work"],
        [
          { step: 0, task: "1", state: "done" },
          { step: 1, task: "2", state: "running", finished: null },
        ],
      ),
      NOW,
    );
  const changes = (counts: Timeline["counts"]) => ({
    ...answerOf(
      ["work", "late"],
      [
        { step: 0, task: "2", state: "done", finished: 90 },
        { step: 0, task: "3", state: "running", finished: null },
        { step: 1, task: "4", state: "running", finished: null },
      ],
    ),
    changes_only: true,
    counts,
  });

  it("takes in what changed, what is new, and steps that are new", () => {
    const before = first();
    // One more than are drawn: the task of parameters.
    const after = merged(before, changes({ all: 5, running: 2, killed: 0 }), NOW);
    expect(after?.steps.map((step) => step.name)).toEqual(["start", "work", "late"]);
    expect(after?.columns.task).toEqual(["1", "2", "3", "4"]);
    expect(after?.columns.step).toEqual([0, 1, 1, 2]);
    expect(after?.columns.finished[1]).toBe(90);
    expect(before.columns.task).toEqual(["1", "2"]);
    expect(before.columns.finished[1]).toBeNull();
  });

  it.each([
    { all: 7, running: 2, killed: 0 },
    { all: 4, running: 1, killed: 0 },
    { all: 4, running: 2, killed: 1 },
  ])("gives up if a change was missed: %o", (counts) => {
    expect(merged(first(), changes(counts), NOW)).toBeNull();
  });
});

describe("phasesOf", () => {
  const phases = (attempt: Parameters<typeof answerOf>[1][number], now = 1000) =>
    phasesOf(answerOf(["work"], [attempt]).attempts, 0, now);

  it("tells waiting, start-up, code and saving apart", () => {
    const found = phases({ ready: 5, started: 20, codeStarted: 50, codeEnded: 90, finished: 100 });
    expect(lengthsOf(found)).toEqual({ waiting: 15, startup: 30, code: 40, saving: 10 });
    expect(found.known).toBe(true);
  });

  it("counts all of an attempt as code if nothing else is known", () => {
    const found = phases({ ready: null, started: 20, finished: 100 });
    expect(lengthsOf(found)).toEqual({ waiting: 0, startup: 0, code: 80, saving: 0 });
    expect(found.known).toBe(false);
  });

  it("lets what runs grow until now", () => {
    expect(phases({ started: 20, finished: null }, 70).end).toBe(70);
  });

  it("has no negative lengths when clocks disagree", () => {
    const found = phases({ ready: 40, started: 20, codeStarted: 10, codeEnded: 5, finished: 15 });
    for (const length of Object.values(lengthsOf(found))) expect(length).toBeGreaterThanOrEqual(0);
  });
});

describe("endOf", () => {
  it("is the end of the run, of its last attempt, or now", () => {
    const done = modelOf(answerOf(["work"], [{ finished: 5000 }]), NOW);
    expect(endOf(done, 99)).toBe(5000);
    const running = modelOf({ ...answerOf(["work"], [{ finished: 50 }]), status: "running", finished_at: null }, NOW);
    expect(endOf(running, 99)).toBe(99);
  });
});
