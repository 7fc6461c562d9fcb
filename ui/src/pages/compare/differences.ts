import type { ComparedRow, ComparedSection, ComparedValue, Comparison } from "@/api/schema";
import { formatDuration } from "@/format/duration";
import { difference, formatNumber } from "@/format/numbers";
import type { Better, RunKey } from "./search";

const DIGITS = 6;

export const SECTION_TITLES: Record<ComparedSection["name"], string> = {
  metrics: "Metrics",
  parameters: "Parameters",
  configs: "Configs",
  run: "Run",
  code: "Code",
  environment: "Environment",
  decorators: "Decorators",
  artifacts: "Artifacts of the last step",
  durations: "Durations",
};

/** How a run's value relates to the baseline's. */
export interface Delta {
  /** Such as `+0.12 (+8.1 %)`. */
  text: string;
  direction: "up" | "down";
  /** Null as long as nobody said which is better. */
  isBetter: boolean | null;
}

/** The key of a row: what addresses call it. */
export function fieldOf(section: string, row: { name: string }): string {
  return `${section}:${row.name}`;
}

export function valueAt(row: ComparedRow, run: number): ComparedValue | null {
  const index = row.cells[run];
  return index === undefined || index === null ? null : (row.values[index] ?? null);
}

/** A value in one line, with its unit. */
export function shownText(row: ComparedRow, value: ComparedValue): string {
  if (value.number === null) return value.text;
  if (row.unit === "seconds") return formatDuration(Number(value.number));
  // A whole number is exact as it stands; of others, more digits than these are noise.
  const isShort = Number.isInteger(value.number) && Math.abs(Number(value.number)) < 1e5;
  return isShort ? value.text : formatNumber(value.number, DIGITS);
}

/** What one number is more or less than another; null if they are equal. */
export function deltaOf(row: ComparedRow, before: ComparedValue, after: ComparedValue, better?: Better): Delta | null {
  if (before.number === null || after.number === null) return null;
  const change = difference(after.number, before.number);
  if (change === 0) return null;
  const sign = change > 0 ? "+" : "−";
  const size = change > 0 ? change : -change;
  const amount = row.unit === "seconds" ? formatDuration(Number(size)) : formatNumber(size, 3);
  const share = before.number === 0 ? null : (100 * Number(size)) / Math.abs(Number(before.number));
  const percent = share === null ? "" : ` (${sign}${formatNumber(share, share < 100 || share >= 1000 ? 2 : 3)} %)`;
  return {
    text: `${sign}${amount}${percent}`,
    direction: change > 0 ? "up" : "down",
    isBetter: better === undefined ? null : change > 0 === (better === "higher"),
  };
}

/** A line of the table: the title of a section, or a row. */
export type Line =
  | { kind: "section"; section: ComparedSection; shown: number; differing: number; isFolded: boolean }
  | { kind: "row"; section: ComparedSection; row: ComparedRow };

export interface Shown {
  showAll: boolean;
  folded: readonly string[];
  filter: string;
}

/** The lines of the table: sections that have something to show, and their rows unless they are folded. */
export function linesOf(sections: readonly ComparedSection[], { showAll, folded, filter }: Shown): Line[] {
  const wanted = filter.trim().toLowerCase();
  const lines: Line[] = [];
  for (const section of sections) {
    const found = section.rows.filter(
      (row) =>
        wanted === "" ||
        row.name.toLowerCase().includes(wanted) ||
        row.values.some((value) => value.text.toLowerCase().includes(wanted)),
    );
    const differing = found.filter((row) => row.differs);
    const rows = showAll ? found : differing;
    if (rows.length === 0) continue;
    const isFolded = folded.includes(section.name);
    lines.push({ kind: "section", section, shown: rows.length, differing: differing.length, isFolded });
    if (!isFolded) lines.push(...rows.map((row): Line => ({ kind: "row", section, row })));
  }
  return lines;
}

/** Rows by their keys. */
export function rowsByField(comparison: Comparison): Map<string, { section: ComparedSection; row: ComparedRow }> {
  const found = new Map<string, { section: ComparedSection; row: ComparedRow }>();
  for (const section of comparison.sections)
    for (const row of section.rows) found.set(fieldOf(section.name, row), { section, row });
  return found;
}

/** Keys of the rows of numbers, those that differ first. */
export function numericFields(comparison: Comparison): string[] {
  const all = comparison.sections.flatMap((section) =>
    section.rows.filter((row) => row.is_numeric).map((row) => ({ field: fieldOf(section.name, row), row })),
  );
  return [...all.filter(({ row }) => row.differs), ...all.filter(({ row }) => !row.differs)].map(({ field }) => field);
}

/** Positions of runs in an answer, in the order of the page: the baseline first. */
export function order(runs: readonly RunKey[], baseline: RunKey | null, comparison: Comparison): number[] {
  const placed = [...(baseline === null ? [] : [baseline]), ...runs].map((run) =>
    comparison.runs.findIndex((each) => each.flow === run.flow && each.run_id === run.runId),
  );
  return [...new Set(placed)].filter((index) => index >= 0);
}
