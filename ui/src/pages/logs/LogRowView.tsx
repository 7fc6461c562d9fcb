import { memo, type MouseEvent } from "react";
import type { LogRow } from "@/api/schema";
import { formatBytes } from "@/format/numbers";
import { plural } from "@/format/numbers";
import { formatExactTime } from "@/format/time";
import type { Span } from "./highlight";
import { LineText } from "./LineText";
import { formatLineTime, type Times } from "./lineTime";
import styles from "./LogRowView.module.css";

interface LogRowViewProps {
  row: LogRow;
  digits: number;
  times: Times;
  startedAt: number;
  /** Whether streams are marked; not where only one is shown. */
  marksStreams: boolean;
  isSelected: boolean;
  isCurrent: boolean;
  spans: readonly Span[] | undefined;
  /** The address of the line, and what a click on its number does. */
  href: string;
  onNumber: (line: number, extend: boolean) => void;
  onWhole: (row: LogRow) => void;
}

/** One row of a log: its number, when it came, of which stream it is, and its text. */
export const LogRowView = memo(function LogRowView(props: LogRowViewProps) {
  const { row, digits, times, marksStreams } = props;
  const click = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.button !== 0) return; // as links do
    event.preventDefault();
    props.onNumber(row.line, event.shiftKey);
  };
  const isError = row.stream === "stderr";
  return (
    <div
      className={[
        styles.row,
        props.isSelected ? styles.selected : "",
        props.isCurrent ? styles.current : "",
        marksStreams && isError ? styles.stderr : "",
      ].join(" ")}
      data-line={row.line}
      data-stream={row.stream}
    >
      <a
        className={styles.number}
        style={{ minWidth: `${digits + 1}ch` }}
        href={props.href}
        onClick={click}
        aria-label={`Line ${row.line}`}
        aria-current={props.isSelected ? "location" : undefined}
        draggable={false}
      >
        {row.line}
      </a>
      {times !== "off" && (
        <span className={styles.time} title={row.time === null ? "no time was recorded" : formatExactTime(row.time)}>
          {formatLineTime(row.time, times, props.startedAt) || "–"}
        </span>
      )}
      {marksStreams && (
        <span className={styles.stream} title={row.stream}>
          {isError ? "err" : ""}
        </span>
      )}
      <span className={styles.text} data-text>
        <LineText text={row.text} spans={props.spans} isCurrent={props.isCurrent} />
      </span>
      {row.bytes !== null && row.bytes !== undefined && (
        <button type="button" className={styles.note} onClick={() => props.onWhole(row)}>
          Show all {formatBytes(row.bytes)}
        </button>
      )}
      {(row.earlier_states ?? 0) > 0 && (
        <button
          type="button"
          className={styles.note}
          title="This line was written over, as progress bars are; see all its states"
          onClick={() => props.onWhole(row)}
        >
          {plural(row.earlier_states ?? 0, "earlier state")}
        </button>
      )}
    </div>
  );
});
