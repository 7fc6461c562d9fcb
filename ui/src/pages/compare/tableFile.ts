import type { Comparison } from "@/api/schema";
import type { CellValue } from "@/format/csv";
import { SECTION_TITLES, valueAt, type Line } from "./differences";

/** The table as it is shown, for a file: numbers as they are, not as people read them. */
export function tableRows(comparison: Comparison, columns: readonly number[], lines: readonly Line[]): CellValue[][] {
  const names = columns.map((column) => {
    const run = comparison.runs[column];
    return run === undefined ? "" : `${run.flow}/${run.run_id}`;
  });
  const rows: CellValue[][] = [["section", "name", "unit", "differs", ...names]];
  for (const line of lines) {
    if (line.kind !== "row") continue;
    const { row } = line;
    const cells = columns.map((column) => {
      const value = valueAt(row, column);
      return value === null ? null : (value.number ?? value.text);
    });
    rows.push([SECTION_TITLES[line.section.name], row.name, row.unit, row.differs ? "yes" : "no", ...cells]);
  }
  return rows;
}
