import { type Exact, writeJson } from "@/format/json";
import { formatCount, formatNumber } from "@/format/numbers";

/** Figures of one column of a data frame, as far as they are known. */
export interface ColumnFigures {
  missing: number | null;
  min: Exact | null;
  max: Exact | null;
  mean: Exact | null;
}

/** How a data frame begins. */
export interface Frame {
  columns: string[];
  types: string[];
  rows: string[][];
  figures: ColumnFigures[];
  rowCount: number;
  columnCount: number;
}

export interface Counts {
  counts: number[];
  min: number;
  max: number;
  isSampled: boolean;
}

export interface Facts {
  frame: Frame | null;
  histogram: Counts | null;
  /** How a container begins; undefined if that is not known. */
  tree: unknown;
  /** The rest, in words. */
  lines: [name: string, value: string][];
}

type Plain = Record<string, unknown>;

/** What was noted of an artifact when it was saved. Manifests of other versions may say anything, so nothing is taken for granted. */
export function factsOf(plain: Plain): Facts {
  return { frame: frameOf(plain), histogram: countsOf(plain), tree: plain.tree, lines: linesOf(plain) };
}

function numbers(value: unknown): number[] {
  return Array.isArray(value) ? value.filter((each): each is number => typeof each === "number") : [];
}

function isNumber(value: unknown): value is Exact {
  return typeof value === "number" || typeof value === "bigint";
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function texts(value: unknown): string[] {
  return list(value).map((each) => (typeof each === "string" ? each : writeJson(each)));
}

function frameOf(plain: Plain): Frame | null {
  const rows = list(plain.head).map(texts);
  const columns = texts(plain.columns);
  if (columns.length === 0) return null;
  const [rowCount = rows.length, columnCount = columns.length] = numbers(plain.shape);
  return {
    columns,
    types: texts(plain.dtypes),
    rows,
    figures: list(plain.stats).map(figuresOf),
    rowCount,
    columnCount,
  };
}

function figuresOf(value: unknown): ColumnFigures {
  const plain = typeof value === "object" && value !== null ? (value as Plain) : {};
  const figure = (name: string) => (isNumber(plain[name]) ? plain[name] : null);
  const missing = typeof plain.missing === "number" ? plain.missing : null;
  return { missing, min: figure("min"), max: figure("max"), mean: figure("mean") };
}

function countsOf(plain: Plain): Counts | null {
  const counts = numbers(plain.histogram);
  const { min, max } = plain;
  if (counts.length === 0 || !isNumber(min) || !isNumber(max)) return null;
  return { counts, min: Number(min), max: Number(max), isSampled: plain.sampled === true };
}

const WORDS: Record<string, string> = {
  dtype: "Element type",
  length: "Length",
  mode: "Mode",
  device: "Device",
  parameters: "Parameters",
  nonzero: "Not zero",
  min: "Smallest",
  max: "Largest",
  mean: "Mean",
};

function linesOf(plain: Plain): [string, string][] {
  const lines: [string, string][] = [];
  const shape = numbers(plain.shape);
  if (shape.length > 0) lines.push(["Shape", shape.map(formatCount).join(" × ")]);
  for (const [name, word] of Object.entries(WORDS)) {
    const value = plain[name];
    if (isNumber(value)) lines.push([word, formatNumber(value)]);
    else if (typeof value === "string") lines.push([word, value]);
  }
  return lines;
}
