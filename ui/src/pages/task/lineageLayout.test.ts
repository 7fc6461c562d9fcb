import { describe, expect, it } from "vitest";
import type { Lineage, LineageTask } from "@/api/schema";
import { layOut, NODE_HEIGHT } from "./lineageLayout";

function task(step: string, taskId: string): LineageTask {
  return {
    step,
    task_id: taskId,
    attempt: 0,
    status: "done",
    started_at: 0,
    finished_at: 1,
    foreach_value: null,
    inputs: 1,
    made: [],
    changed: [],
    passed_on: 0,
    problem: null,
  };
}

const lineage: Lineage = {
  levels: [
    { distance: -1, tasks: [task("start", "1")], left_out: 0, left_out_is_least: false },
    { distance: 0, tasks: [task("work", "2")], left_out: 0, left_out_is_least: false },
    {
      distance: 1,
      tasks: [task("join", "5"), task("join", "6"), task("join", "7")],
      left_out: 1200,
      left_out_is_least: true,
    },
  ],
  edges: [
    { source: { step: "start", task_id: "1" }, target: { step: "work", task_id: "2" } },
    { source: { step: "work", task_id: "2" }, target: { step: "join", task_id: "5" } },
    { source: { step: "gone", task_id: "9" }, target: { step: "join", task_id: "5" } },
  ],
  origin: null,
};

describe("the picture of a lineage", () => {
  const picture = layOut(lineage);

  it("puts levels side by side, and tasks where they do not touch", () => {
    const columns = new Map<number, number[]>();
    for (const node of picture.nodes) columns.set(node.x, [...(columns.get(node.x) ?? []), node.y]);
    expect([...columns.values()].map((column) => column.length)).toEqual([1, 1, 3]);
    for (const column of columns.values()) {
      column.slice(1).forEach((y, index) => expect(y - (column[index] ?? 0)).toBeGreaterThan(NODE_HEIGHT));
    }
    expect(Math.max(...picture.nodes.map((node) => node.y)) + NODE_HEIGHT).toBeLessThanOrEqual(picture.height);
  });

  it("draws only edges whose ends are shown", () => {
    expect(picture.edges.map((edge) => edge.key)).toEqual(["start/1>work/2", "work/2>join/5"]);
  });

  it("says what it leaves out", () => {
    expect(picture.notes.map((note) => note.text)).toEqual(["and 1,200 or more others"]);
  });
});
