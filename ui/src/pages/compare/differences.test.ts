import { expect, test } from "vitest";
import type { ComparedRow, ComparedSection, ComparedValue, Comparison } from "@/api/schema";
import type { Exact } from "@/format/json";
import { deltaOf, linesOf, numericFields, order, shownText, valueAt } from "./differences";

function value(text: string, number: Exact | null = null): ComparedValue {
  return { text, number, type: "", size: null, sha: "", is_cut: false };
}

function row(
  name: string,
  values: ComparedValue[],
  cells: (number | null)[],
  more: Partial<ComparedRow> = {},
): ComparedRow {
  const differs = new Set(cells).size > 1;
  return {
    name,
    unit: null,
    is_numeric: values.every((each) => each.number !== null),
    differs,
    values,
    cells,
    ...more,
  };
}

const LOSS = row("loss", [value("0.5", 0.5), value("0.25", 0.25), value("0", 0)], [0, 1, 2, null]);
const NOTE = row("note", [value("same")], [0, 0, 0, 0]);
const SECTIONS: ComparedSection[] = [
  { name: "metrics", rows: [LOSS], left_out: 0 },
  { name: "parameters", rows: [NOTE], left_out: 0 },
];

test("numbers are told with what they are more or less than the baseline", () => {
  const [half, quarter, none] = [0, 1, 2].map((run) => valueAt(LOSS, run) ?? value("?"));
  if (half === undefined || quarter === undefined || none === undefined) throw new Error("there are three");
  expect(deltaOf(LOSS, half, quarter)).toEqual({ text: "−0.25 (−50 %)", direction: "down", isBetter: null });
  expect(deltaOf(LOSS, half, quarter, "lower")?.isBetter).toBe(true);
  expect(deltaOf(LOSS, half, quarter, "higher")?.isBetter).toBe(false);
  expect(deltaOf(LOSS, none, half)?.text).toBe("+0.5"); // there is no share of nothing
  expect(deltaOf(LOSS, half, half)).toBeNull();
  expect(deltaOf(LOSS, half, value("text"))).toBeNull();
  const large = [9007199254740992n, 9007199254740993n].map((each) => value(String(each), each));
  expect(large.map((each) => deltaOf(LOSS, value("9007199254740992", 9007199254740992n), each)?.text)).toEqual([
    undefined,
    "+1 (+1.1e-14 %)",
  ]);
  expect(deltaOf(LOSS, value("100000", 100_000), value("1", 1))?.text).toBe("−99,999 (−100 %)");
  const seconds = { ...LOSS, unit: "seconds" as const };
  expect(deltaOf(seconds, value("10", 10), value("75", 75))?.text).toBe("+1 min 05 s (+650 %)");
});

test("numbers have no more digits than mean something, and units", () => {
  expect(shownText(LOSS, value("0.30000000000000004", 0.30000000000000004))).toBe("0.3");
  expect(shownText(LOSS, value("2024", 2024))).toBe("2024");
  expect(shownText(LOSS, value("9007199254740993", 9007199254740993n))).toBe("9,007,199,254,740,993");
  expect(shownText({ ...LOSS, unit: "seconds" }, value("3.24", 3.24))).toBe("3.2 s");
});

test("only differences are shown, unless all are asked for", () => {
  const shown = { showAll: false, folded: [], filter: "" };
  expect(linesOf(SECTIONS, shown).map((line) => (line.kind === "row" ? line.row.name : line.section.name))).toEqual([
    "metrics",
    "loss",
  ]);
  expect(linesOf(SECTIONS, { ...shown, showAll: true })).toHaveLength(4);
  expect(linesOf(SECTIONS, { ...shown, showAll: true, folded: ["metrics"] })).toHaveLength(3);
  expect(linesOf(SECTIONS, { ...shown, showAll: true, filter: "SAM" })).toHaveLength(2);
  expect(linesOf(SECTIONS, { ...shown, filter: "nothing" })).toEqual([]);
});

test("the baseline comes first, and runs that the answer lacks are left out", () => {
  const run = (runId: string) => ({ flow: "A", runId });
  const comparison = { runs: ["1", "2", "3"].map((id) => ({ flow: "A", run_id: id })), sections: SECTIONS };
  expect(order([run("3"), run("9"), run("2"), run("1")], run("2"), comparison as Comparison)).toEqual([1, 2, 0]);
});

test("numbers that differ are the first to be drawn", () => {
  const same = row("same", [value("1", 1)], [0, 0, 0, 0]);
  const comparison = { runs: [], sections: [{ name: "metrics" as const, rows: [same, LOSS, NOTE], left_out: 0 }] };
  expect(numericFields(comparison)).toEqual(["metrics:loss", "metrics:same"]);
});
