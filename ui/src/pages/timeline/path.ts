import type { CriticalPath } from "@/api/schema";
import type { TimelineModel } from "./model";
import type { Layout } from "./rows";

/** Attempts of a critical path in the model, the first one first; those that are not in it are left out. */
export function rowsOfPath(model: TimelineModel, path: CriticalPath | undefined): number[] {
  if (path === undefined) return [];
  const numbers = new Map(model.steps.map((step, number) => [step.name, number]));
  const places = new Map(
    path.attempts.map((each, place) => [`${numbers.get(each.step) ?? -1}/${each.task}/${each.attempt}`, place]),
  );
  const rows = new Array<number>(path.attempts.length).fill(-1);
  const { step, task, attempt } = model.columns;
  for (let row = 0; row < step.length; row++) {
    const place = places.get(`${step[row] ?? 0}/${task[row] ?? ""}/${attempt[row] ?? 0}`);
    if (place !== undefined) rows[place] = row;
  }
  return rows.filter((row) => row >= 0);
}

/** Places of the rows that show the attempts of a path; -1 where an attempt has no row of its own. */
export function placesOfPath(
  model: TimelineModel,
  layout: Layout,
  rows: readonly number[],
): { row: number; place: number }[] {
  if (rows.length === 0) return [];
  const wanted = new Set(rows);
  const places = new Map<number, number>();
  layout.rows.forEach((row, place) => {
    if (row.kind !== "task" && row.kind !== "single") return;
    for (let each = row.row; each >= 0; each = model.earlier[each] ?? -1) if (wanted.has(each)) places.set(each, place);
  });
  return rows.map((row) => ({ row, place: places.get(row) ?? -1 }));
}
