import { useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import type { ComparedRow, Comparison } from "@/api/schema";
import { BarsChart } from "@/charts/BarsChart";
import { ParallelChart } from "@/charts/ParallelChart";
import { PointsChart } from "@/charts/PointsChart";
import type { AxisKind } from "@/charts/scales";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { EmptyState } from "@/components/States";
import { visible } from "@/format/untrusted";
import styles from "./ComparePage.module.css";
import { numericFields, rowsByField, shownText, valueAt } from "./differences";
import type { ChartKind, CompareView } from "./search";

/** Fields that are drawn if none was chosen. */
const FIRST_FIELDS = 4;
const MOST_FIELDS = 12;
const KINDS: readonly (readonly [ChartKind, string])[] = [
  ["bars", "Bars"],
  ["scatter", "Scatter"],
  ["parallel", "Parallel coordinates"],
];

interface ChartsProps {
  view: CompareView;
  comparison: Comparison;
  columns: readonly number[];
  onChange: (change: Partial<CompareView>) => void;
}

interface Field {
  field: string;
  row: ComparedRow;
  axis: AxisKind;
}

/** Numbers of the runs as charts. */
export default function Charts({ view, comparison, columns, onChange }: ChartsProps) {
  const all = useMemo(() => numericFields(comparison), [comparison]);
  const rows = useMemo(() => rowsByField(comparison), [comparison]);
  if (all.length === 0)
    return <EmptyState title="There is nothing to draw">None of these runs has a number.</EmptyState>;
  const chosen = view.fields.filter((field) => rows.has(field));
  const fields = (chosen.length > 0 ? chosen : defaultFields(all, view.chart)).slice(0, MOST_FIELDS);
  const drawn = fields.flatMap((field): Field[] => {
    const row = rows.get(field)?.row;
    return row === undefined ? [] : [{ field, row, axis: { label: visible(row.name), unit: row.unit } }];
  });
  return (
    <section className={styles.charts} aria-label="Charts">
      <div className={styles.chartTools}>
        <div role="group" aria-label="Kind of chart">
          {KINDS.map(([kind, word]) => (
            <Button
              key={kind}
              kind={view.chart === kind ? "primary" : "plain"}
              aria-pressed={view.chart === kind}
              onClick={() => onChange({ chart: kind })}
            >
              {word}
            </Button>
          ))}
        </div>
        {view.chart === "scatter" ? (
          <ScatterChoice all={all} fields={fields} onChange={(next) => onChange({ fields: next })} />
        ) : (
          <FieldChoice all={all} fields={fields} onChange={(next) => onChange({ fields: next })} />
        )}
      </div>
      <Drawn view={view} comparison={comparison} columns={columns} drawn={drawn} />
    </section>
  );
}

function defaultFields(all: readonly string[], kind: ChartKind | null): string[] {
  if (kind === "scatter") {
    const x = all.find((field) => field.startsWith("parameters:")) ?? all[0] ?? "";
    const y = all.find((field) => field.startsWith("metrics:") && field !== x) ?? all.find((field) => field !== x) ?? x;
    return [x, y];
  }
  const telling = all.filter((field) => /^(metrics|parameters):/.test(field));
  return (telling.length > 0 ? telling : all).slice(0, FIRST_FIELDS);
}

function Drawn({
  view,
  comparison,
  columns,
  drawn,
}: Pick<ChartsProps, "view" | "comparison" | "columns"> & { drawn: readonly Field[] }) {
  const navigate = useNavigate();
  const open = (key: string) => {
    const run = comparison.runs[Number(key)];
    if (run !== undefined) void navigate({ to: "/runs/$flow/$runId", params: { flow: run.flow, runId: run.run_id } });
  };
  const marks = columns.map((column, place) => {
    const run = comparison.runs[column];
    return {
      column,
      key: String(column),
      name: `${run?.flow ?? ""}/${run?.run_id ?? ""}`,
      short: shortId(run?.run_id ?? ""),
      isMarked: place === 0,
      facts: drawn.map(({ row, axis }): [string, string] => {
        const value = valueAt(row, column);
        return [axis.label, value === null ? "–" : shownText(row, value)];
      }),
    };
  });
  const numberOf = (row: ComparedRow, column: number) => {
    const number = valueAt(row, column)?.number ?? null;
    return number === null ? null : Number(number);
  };
  const [first, second = first] = drawn;
  if (first === undefined || second === undefined) return null;
  if (view.chart === "parallel")
    return (
      <ParallelChart
        title="Parallel coordinates"
        axes={drawn.map(({ axis }) => axis)}
        lines={marks.map((mark) => ({ ...mark, values: drawn.map(({ row }) => numberOf(row, mark.column)) }))}
        onOpen={open}
      />
    );
  if (view.chart === "scatter") {
    const points = marks.flatMap((mark) => {
      const [x, y] = [numberOf(first.row, mark.column), numberOf(second.row, mark.column)];
      return x === null || y === null ? [] : [{ ...mark, x, y }];
    });
    return (
      <PointsChart
        title={`${second.axis.label} against ${first.axis.label}`}
        x={first.axis}
        y={second.axis}
        points={points.sort((one, other) => one.x - other.x)}
        onOpen={open}
      />
    );
  }
  return (
    <div className={styles.grid}>
      {drawn.map(({ field, row, axis }) => (
        <BarsChart
          key={field}
          title={axis.label}
          kind={{ ...axis, label: "" }}
          bars={marks.map((mark) => ({ ...mark, value: numberOf(row, mark.column) }))}
          onOpen={open}
        />
      ))}
    </div>
  );
}

interface ChoiceProps {
  all: readonly string[];
  fields: readonly string[];
  onChange: (fields: string[]) => void;
}

/** The fields that are drawn, each to be removed, and a list to add others. */
function FieldChoice({ all, fields, onChange }: ChoiceProps) {
  const others = all.filter((field) => !fields.includes(field));
  return (
    <>
      {fields.map((field) => (
        <Button
          key={field}
          label={`Do not draw ${visible(field)}`}
          disabled={fields.length === 1}
          onClick={() => onChange(fields.filter((each) => each !== field))}
        >
          {visible(nameOf(field))} <Icon name="close" size={12} />
        </Button>
      ))}
      {others.length > 0 && fields.length < MOST_FIELDS && (
        <label>
          <span className="visually-hidden">Draw also</span>
          <select value="" onChange={(event) => onChange([...fields, event.target.value])}>
            <option value="">Draw also …</option>
            <Options fields={others} />
          </select>
        </label>
      )}
    </>
  );
}

/** The two fields of a scatter chart. */
function ScatterChoice({ all, fields, onChange }: ChoiceProps) {
  const [x = "", y = x] = fields;
  return (
    <>
      <label>
        Across
        <select value={x} onChange={(event) => onChange([event.target.value, y])}>
          <Options fields={all} />
        </select>
      </label>
      <label>
        Up
        <select value={y} onChange={(event) => onChange([x, event.target.value])}>
          <Options fields={all} />
        </select>
      </label>
    </>
  );
}

function Options({ fields }: { fields: readonly string[] }) {
  return fields.map((field) => (
    <option key={field} value={field}>
      {visible(`${nameOf(field)} (${field.slice(0, field.indexOf(":"))})`)}
    </option>
  ));
}

/** The end of a long id: its beginning is the same for all runs of a day. */
function shortId(id: string): string {
  return id.length <= 8 ? id : `…${id.slice(-6)}`;
}

function nameOf(field: string): string {
  return field.slice(field.indexOf(":") + 1);
}
