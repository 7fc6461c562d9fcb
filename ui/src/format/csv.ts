import type { Exact } from "./json";

/** What a cell of a file is made of. */
export type CellValue = string | Exact | null;

/** Programs for tables take a cell that begins like this for a formula, which may do anything. */
const FORMULA = /^[\s\u0000]*[=+\-@\t\r\uff0b\uff0d\uff1d\uff20]/; // eslint-disable-line no-control-regex -- these too

/** Rows as a CSV file. Numbers stay numbers; texts that look like formulas begin with an apostrophe. */
export function csv(rows: readonly (readonly CellValue[])[]): string {
  // The mark at the beginning has Excel read it as UTF-8.
  return `\ufeff${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

function cell(value: CellValue): string {
  if (value === null) return "";
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : `"${value}"`;
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return `"${safe.replace(/"/g, '""')}"`;
}
