import { expect, test } from "vitest";
import type { GraphEdge, GraphStep, GraphStepState, RunGraphState } from "@/api/schema";
import { edgePath, labelPoint } from "./lines";
import { countText, edgeLook, graphLook, secondsOf, stepInWords, stepLook } from "./states";
import { walk } from "./walking";

function step(name: string, x: number, y: number, more: Partial<GraphStep> = {}): GraphStep {
  return {
    ...{ name, x, y, width: 200, height: 60, kind: "linear", is_start: false, is_end: false, repeated_by: null },
    ...{ condition: "", doc: "", file: "", line: null, decorators: [] },
    ...more,
  };
}

function edge(source: string, target: string, more: Partial<GraphEdge> = {}): GraphEdge {
  const points = [
    { x: 100, y: 60 },
    { x: 100, y: 120 },
  ];
  return { source, target, points, goes_back: false, label: "", ...more };
}

function state(name: string, more: Partial<GraphStepState>): GraphStepState {
  const none = { running: 0, done: 0, caught: 0, failed: 0, killed: 0, retried: 0, cloned: 0 };
  return { step: name, tasks: 1, expected: null, ...none, started_at: 10, finished_at: 12, ...more };
}

//   a
//  b c
//   d (and back to a)
const STEPS = [
  step("a", 110, 0, { is_start: true, kind: "switch" }),
  step("b", 0, 100),
  step("c", 220, 100),
  step("d", 110, 200),
];
const EDGES = [
  edge("a", "b", { label: "yes" }),
  edge("a", "c"),
  edge("b", "d"),
  edge("c", "d"),
  edge("d", "a", { goes_back: true }),
];
const STATE: RunGraphState = {
  status: "running",
  steps: [state("a", { done: 1 }), state("b", { tasks: 2, expected: 5, done: 1, running: 1, finished_at: null })],
  edges: [
    { source: "a", target: "b", tasks: 2 },
    { source: "a", target: "c", tasks: 0 },
    { source: "b", target: "d", tasks: 0 },
  ],
};

test("keys walk along edges, and to the steps beside", () => {
  const go = (from: string, key: "ArrowDown" | "ArrowUp" | "ArrowLeft" | "ArrowRight") =>
    walk(STEPS, EDGES, from, key, false);
  expect([go("a", "ArrowDown"), go("b", "ArrowRight"), go("c", "ArrowLeft"), go("c", "ArrowDown")]).toEqual([
    "b",
    "c",
    "b",
    "d",
  ]);
  expect([go("d", "ArrowUp"), go("b", "ArrowLeft"), go("gone", "ArrowUp")]).toEqual(["b", null, null]);
  expect(go("d", "ArrowDown")).toBe("a"); // nothing else leads on
});

test("a step's state is what matters most of its tasks, as long as the run goes on", () => {
  const look = graphLook(STATE);
  expect(["a", "b", "c"].map((name) => stepLook(look, name))).toEqual(["done", "running", "waiting"]);
  const over = graphLook({ ...STATE, status: "failed" });
  expect(["b", "c"].map((name) => stepLook(over, name))).toEqual(["killed", "skipped"]);
  expect(stepLook(graphLook({ ...STATE, steps: [state("a", { failed: 1 })] }), "a")).toBe("failed");
  expect(stepLook(graphLook({ ...STATE, steps: [state("a", { caught: 1 })] }), "a")).toBe("caught");
});

test("of the ways of a switch, one was taken and the other left", () => {
  const look = graphLook(STATE);
  expect(EDGES.slice(0, 3).map((each) => edgeLook(look, each))).toEqual(["taken", "left", "ahead"]);
  expect(edgeLook(graphLook({ ...STATE, status: "done" }), edge("b", "d"))).toBe("left");
  const many = { ...STATE, edges: [{ source: "a", target: "b", tasks: null }] };
  expect(edgeLook(graphLook(many), edge("a", "b"))).toBe("taken");
});

test("counts and times", () => {
  expect(countText(STATE.steps[1], true)).toBe("1/5 tasks");
  expect(countText(state("a", { done: 1 }), false)).toBe("");
  expect(countText(state("a", { done: 2, caught: 1, tasks: 3 }), true)).toBe("3 tasks");
  expect([
    secondsOf(STATE.steps[0], true, 99),
    secondsOf(STATE.steps[1], true, 99),
    secondsOf(STATE.steps[1], false, 99),
  ]).toEqual([2, 89, null]);
});

test("a step is told in words", () => {
  const [first] = STEPS;
  if (first === undefined) throw new Error("there is one");
  expect(stepInWords(first, graphLook(STATE), EDGES.slice(0, 2))).toBe(
    "a; first step, switch; done; took 2.0 s; leads to b (yes), c, not taken",
  );
});

test("lines are straight through layers and curved between them", () => {
  const points = [
    { x: 0, y: 0 },
    { x: 40, y: 50 },
    { x: 40, y: 90 },
  ];
  expect(edgePath(edge("a", "b", { points }), false)).toBe("M0.0 0.0C0.0 25.0 40.0 25.0 40.0 50.0L40.0 90.0");
  expect(edgePath(edge("a", "b", { points: [] }), false)).toBe("");
  expect(labelPoint(edge("a", "b", { points }), false)).toEqual({ x: 40 * 0.62, y: 31 });
});
