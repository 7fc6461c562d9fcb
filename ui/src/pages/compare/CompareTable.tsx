import { useVirtualizer } from "@tanstack/react-virtual";
import { useRef } from "react";
import type { Comparison } from "@/api/schema";
import { Icon } from "@/components/Icon";
import { Untrusted } from "@/components/Untrusted";
import { formatCount } from "@/format/numbers";
import { CompareCell } from "./CompareCell";
import styles from "./CompareTable.module.css";
import { fieldOf, SECTION_TITLES, type Line } from "./differences";
import { RowName } from "./RowName";
import { RunHeader } from "./RunHeader";
import { reordered, sameRun, type CompareView, type RunKey } from "./search";
import { useColumnSizes } from "./useColumnSizes";

const SECTION_HEIGHT = 36;
const ROW_HEIGHT = 32;
/** Rows of numbers that differ have a second line for what they differ by. */
const DELTA_HEIGHT = 46;

interface CompareTableProps {
  view: CompareView;
  comparison: Comparison;
  /** Positions of runs in the comparison, the baseline first. */
  columns: readonly number[];
  lines: readonly Line[];
  onChange: (change: Partial<CompareView>, replace?: boolean) => void;
  /** Look more closely at a row of a run. */
  onCloser: (line: Line, run: RunKey) => void;
}

function heightOf(line: Line): number {
  if (line.kind === "section") return SECTION_HEIGHT;
  return line.row.is_numeric && line.row.differs ? DELTA_HEIGHT : ROW_HEIGHT;
}

/** Rows are what runs are compared by, columns are runs. Only what is seen is in the page. */
export function CompareTable({ view, comparison, columns, lines, onChange, onCloser }: CompareTableProps) {
  const scroll = useRef<HTMLDivElement>(null);
  const sizes = useColumnSizes();
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroll.current,
    estimateSize: (index) => heightOf(lines[index] ?? ({ kind: "section" } as Line)),
    getItemKey: (index) => keyOf(lines[index]),
    overscan: 12,
  });
  const others = useVirtualizer({
    horizontal: true,
    count: Math.max(0, columns.length - 1),
    getScrollElement: () => scroll.current,
    estimateSize: () => sizes.run,
    scrollMargin: sizes.name + sizes.run,
    overscan: 4,
  });
  const width = sizes.name + sizes.run * columns.length;
  const shown = others.getVirtualItems().map((item) => item.index + 1);
  const seen = [0, ...shown];
  const runAt = (column: number): RunKey => {
    const run = comparison.runs[columns[column] ?? -1];
    return { flow: run?.flow ?? "", runId: run?.run_id ?? "" };
  };
  const move = (run: RunKey, by: number) => {
    const ordered = columns.map((_, column) => runAt(column));
    const place = ordered.findIndex((each) => sameRun(each, run));
    onChange({ runs: reordered(ordered, run, Math.max(1, place + by)) });
  };
  return (
    <div
      ref={scroll}
      className={styles.scroll}
      role="table"
      aria-label="Runs side by side"
      aria-rowcount={lines.length + 1}
      aria-colcount={columns.length + 1}
    >
      <div className={styles.head} role="row" aria-rowindex={1} style={{ width, height: sizes.head }}>
        <div className={styles.corner} role="columnheader" aria-colindex={1} style={{ width: sizes.name }}>
          {formatCount(columns.length)} {columns.length === 1 ? "run" : "runs"}
        </div>
        {seen.map((column) => {
          const run = comparison.runs[columns[column] ?? -1];
          return run === undefined ? null : (
            <RunHeader
              key={`${run.flow}/${run.run_id}`}
              run={run}
              column={column}
              last={columns.length - 1}
              left={sizes.name + sizes.run * column}
              width={sizes.run}
              stickyLeft={column === 0 && sizes.pinsBaseline ? sizes.name : null}
              onMove={(by) => move(runAt(column), by)}
              onDrop={(dropped) => {
                const ordered = columns.map((_, each) => runAt(each));
                onChange({ runs: reordered(ordered, dropped, Math.max(1, column)) });
              }}
              onPin={() => onChange({ baseline: runAt(column) })}
              onRemove={() => onChange({ runs: view.runs.filter((each) => !sameRun(each, runAt(column))) })}
            />
          );
        })}
      </div>
      <div role="rowgroup" className={styles.body} style={{ width, height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((item) => {
          const line = lines[item.index];
          if (line === undefined) return null;
          const place = { top: item.start, height: item.size, width };
          return line.kind === "section" ? (
            <SectionLine key={item.key} line={line} index={item.index} place={place} view={view} onChange={onChange} />
          ) : (
            <div key={item.key} className={styles.row} role="row" aria-rowindex={item.index + 2} style={place}>
              <RowName line={line} width={sizes.name} view={view} onChange={onChange} />
              {seen.map((column) => (
                <CompareCell
                  key={column}
                  row={line.row}
                  section={line.section.name}
                  run={columns[column] ?? -1}
                  baseline={columns[0] ?? -1}
                  column={column}
                  left={sizes.name + sizes.run * column}
                  width={sizes.run}
                  stickyLeft={column === 0 && sizes.pinsBaseline ? sizes.name : null}
                  better={view.better.get(fieldOf(line.section.name, line.row))}
                  onCloser={() => onCloser(line, runAt(column))}
                />
              ))}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function keyOf(line: Line | undefined): string {
  if (line === undefined) return "";
  return line.kind === "section" ? line.section.name : fieldOf(line.section.name, line.row);
}

interface SectionLineProps {
  line: Extract<Line, { kind: "section" }>;
  index: number;
  place: { top: number; height: number; width: number };
  view: CompareView;
  onChange: CompareTableProps["onChange"];
}

function SectionLine({ line, index, place, view, onChange }: SectionLineProps) {
  const { name } = line.section;
  const toggle = () =>
    onChange({ folded: line.isFolded ? view.folded.filter((each) => each !== name) : [...view.folded, name] });
  return (
    <div className={styles.section} role="row" aria-rowindex={index + 2} style={place}>
      <div role="rowheader" className={styles.sectionTitle}>
        <button type="button" className={styles.fold} aria-expanded={!line.isFolded} onClick={toggle}>
          <Icon name={line.isFolded ? "right" : "down"} size={14} />
          <Untrusted text={SECTION_TITLES[name]} />
          <span className={styles.count}>
            {line.differing === line.shown
              ? `${formatCount(line.shown)} differ`
              : `${formatCount(line.differing)} of ${formatCount(line.shown)} differ`}
          </span>
        </button>
      </div>
    </div>
  );
}
