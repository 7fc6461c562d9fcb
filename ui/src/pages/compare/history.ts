import type { FlowHistory } from "@/api/schema";
import { formatDuration } from "@/format/duration";
import type { CellValue } from "@/format/csv";
import type { Exact } from "@/format/json";
import { formatNumber } from "@/format/numbers";

export const HISTORY_SIZES = [20, 50, 100, 200, 500] as const;

interface FieldName {
  kind: "duration" | "parameter" | "artifact";
  name: string;
}

/** A field as addresses and the server call it. */
export function fieldKey({ kind, name }: FieldName): string {
  return kind === "duration" ? kind : `${kind}:${name}`;
}

export function fieldTitle({ kind, name }: FieldName): string {
  return kind === "duration" ? "duration" : name;
}

export function shownValue({ kind }: FieldName, value: Exact): string {
  return kind === "duration" ? formatDuration(Number(value)) : formatNumber(value, 6);
}

/** The history for a file, newest first. */
export function historyRows(history: FlowHistory): CellValue[][] {
  const head = ["run", "status", "user", "started", ...history.series.map((series) => headOf(series))];
  const rows = history.runs.map((run, index) => [
    `${history.flow}/${run.run_id}`,
    run.status,
    run.user,
    new Date(run.started_at * 1000).toISOString(),
    ...history.series.map((series) => series.values[index] ?? series.texts[index] ?? null),
  ]);
  return [head, ...rows.reverse()];
}

function headOf(field: FieldName): string {
  return field.kind === "duration" ? "duration (s)" : `${field.kind} ${field.name}`;
}
