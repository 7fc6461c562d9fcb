import { describe, expect, it } from "vitest";
import { modelOf } from "./model";
import {
  layoutOf,
  nameOf,
  placeOf,
  placeOfName,
  rowAt,
  totalHeight,
  visibleRows,
  type Filter,
  type Sort,
} from "./rows";
import { answerOf, type MadeAttempt } from "./testAnswers";

const NOTHING_HIDDEN: Filter = { text: "", hiddenStates: new Set(), hiddenPhases: new Set() };

function wide(count: number, change: (index: number) => MadeAttempt = () => ({})) {
  const tasks = Array.from({ length: count }, (_, index) => ({
    step: 1,
    task: String(index + 2),
    started: index * 10,
    finished: index * 10 + 1000 - index,
    index: String(index),
    label: `part-${index}`,
    ...change(index),
  }));
  return modelOf(answerOf(["start", "work", "end"], [{ step: 0, task: "1" }, ...tasks]), 0);
}

function kinds(
  model: ReturnType<typeof wide>,
  filter: Partial<Filter> = {},
  toggled: string[] = [],
  sort: Sort = "start",
) {
  return layoutOf(model, { ...NOTHING_HIDDEN, ...filter }, sort, new Set(toggled), new Set());
}

describe("layoutOf", () => {
  it("gives a step with one task one row, and one without tasks one too", () => {
    expect(kinds(wide(3)).rows.map((row) => row.kind)).toEqual(["single", "group", "task", "task", "task", "group"]);
  });

  it("folds wide steps, and opens them when they are toggled", () => {
    const folded = kinds(wide(60));
    expect(folded.rows.map((row) => row.kind)).toEqual(["single", "group", "group"]);
    expect(kinds(wide(60), {}, ["work"]).rows).toHaveLength(63);
    expect(kinds(wide(3), {}, ["work"]).rows).toHaveLength(3);
  });

  it("puts failures of a folded step on top, then those that were tried again", () => {
    const model = wide(100, (index) =>
      index === 3
        ? { task: "100", attempt: 1, label: "retried" }
        : index === 90
          ? { state: "failed" }
          : index === 98
            ? { task: "100", state: "failed", attempt: 0 }
            : {},
    );
    const tasks = kinds(model).rows.filter((row) => row.kind === "task");
    expect(tasks.map((row) => model.columns.label[row.row])).toEqual(["part-90", "retried"]);
  });

  it("says how many more failed than it shows", () => {
    const { rows } = kinds(wide(100, () => ({ state: "failed" })));
    expect(rows.filter((row) => row.kind === "task")).toHaveLength(8);
    expect(rows.find((row) => row.kind === "more")).toMatchObject({ count: 92 });
  });

  it("shows tasks on the critical path of a folded step", () => {
    const model = wide(100);
    const { rows } = layoutOf(model, NOTHING_HIDDEN, "start", new Set(), new Set([34]));
    expect(rows.filter((row) => row.kind === "task").map((row) => row.row)).toEqual([34]);
  });

  it("filters by text and state", () => {
    const model = wide(60, (index) => (index < 5 ? { state: "failed" } : {}));
    const shown = (filter: Partial<Filter>) =>
      kinds(model, filter, ["work"]).rows.filter((row) => row.kind === "task").length;
    expect(kinds(model, { text: "PART-5" }).rows.filter((row) => row.kind === "task")).toHaveLength(11);
    expect(shown({ hiddenStates: new Set(["failed"]) })).toBe(55);
    expect(kinds(model, { text: "nowhere" }).rows).toEqual([]);
  });

  it("sorts by start or by duration, longest first", () => {
    const order = (sort: Sort) =>
      kinds(wide(5), {}, [], sort)
        .rows.filter((row) => row.kind === "task")
        .map((row) => row.row);
    expect(order("start")).toEqual([1, 2, 3, 4, 5]);
    expect(order("duration")).toEqual([1, 2, 3, 4, 5]);
    const reversed = wide(5, (index) => ({ finished: index * 10 + 100 + index }));
    const rows = kinds(reversed, {}, [], "duration").rows.filter((row) => row.kind === "task");
    expect(rows.map((row) => row.row)).toEqual([5, 4, 3, 2, 1]);
  });
});

describe("rows on the screen", () => {
  const layout = kinds(wide(60), {}, ["work"]);

  it("are found by their heights", () => {
    for (let place = 0; place < layout.rows.length; place++) {
      expect(rowAt(layout, layout.tops[place] ?? -1)).toBe(place);
      expect(rowAt(layout, (layout.tops[place + 1] ?? 0) - 1)).toBe(place);
    }
    expect(rowAt(layout, -1)).toBe(-1);
    expect(rowAt(layout, totalHeight(layout))).toBe(-1);
  });

  it("are those that a window touches, and no others", () => {
    const [first, last] = visibleRows(layout, 500, 100);
    expect(layout.tops[first]).toBeLessThanOrEqual(500);
    expect(layout.tops[first + 1]).toBeGreaterThan(500);
    expect(layout.tops[last - 1]).toBeLessThanOrEqual(600);
    expect(layout.tops[last]).toBeGreaterThan(600);
    expect(visibleRows(layout, 1e9, 100)[1]).toBe(layout.rows.length);
    expect(visibleRows({ rows: [], tops: new Float64Array(1) }, 0, 100)).toEqual([0, 0]);
  });

  it("are found by what is selected", () => {
    const model = wide(60);
    const place = placeOf(layout, model, "work", "12");
    expect(layout.rows[place]).toMatchObject({ kind: "task", row: 11 });
    expect(layout.rows[placeOf(kinds(model), model, "work", "12")]).toMatchObject({ kind: "group", step: 1 });
    expect(placeOf(layout, model, "nowhere")).toBe(-1);
  });

  it("are found again by their names when others have come above them", () => {
    const before = wide(60, (index) => (index === 40 ? { state: "failed" } : {}));
    const later = wide(60, (index) => (index === 40 || index === 7 ? { state: "failed" } : {}));
    const [first, second] = [kinds(before), kinds(later)];
    expect(nameOf(first, before, 2)).toEqual({ kind: "task", step: "work", task: "42" });
    expect(placeOfName(second, later, nameOf(first, before, 2))).toBe(3);
    expect(placeOfName(second, later, nameOf(first, before, 3))).toBe(4);
    expect(placeOfName(kinds(wide(60)), wide(60), nameOf(first, before, 2))).toBe(1);
    expect(placeOfName(second, later, null)).toBe(-1);
  });
});
