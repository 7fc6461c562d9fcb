import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { Icon } from "@/components/Icon";
import { EmptyState, ErrorState, Skeleton } from "@/components/States";
import { formatCount, plural } from "@/format/numbers";
import { formatExactTime } from "@/format/time";
import { plainText, terminalPieces } from "./ansi";
import { LineText } from "./LineText";
import { formatLineTime } from "./lineTime";
import { LogView } from "./LogView";
import { Pill } from "./Pill";
import { ROW_HEIGHTS } from "./preferences";
import { RunTail, type runLogQuery } from "./runTail";
import styles from "./RunLogs.module.css";
import { TaskLabel } from "./TaskLabel";

interface RunLogTailProps {
  flow: string;
  runId: string;
  query: ReturnType<typeof runLogQuery>;
}

const NEAR_BEGINNING = 60;

/** The lines of all tasks as they came, the last ones first to be seen, and those that come. */
export function RunLogTail({ flow, runId, query }: RunLogTailProps) {
  const tail = useMemo(() => new RunTail(query), [query]);
  useEffect(() => tail.start(), [tail]);
  const state = useSyncExternalStore(tail.subscribe, tail.snapshot);
  const [following, setFollowing] = useState(true);
  const [pausedAt, setPausedAt] = useState(0);
  const total = state.lines.length;
  const follow = useCallback(
    (on: boolean) => {
      setFollowing(on);
      if (!on) setPausedAt(total);
    },
    [total],
  );
  const onRows = useCallback(
    (begin: number) => {
      if (begin < NEAR_BEGINNING && !following) void tail.back();
    },
    [tail, following],
  );
  const rowText = (row: number) => {
    const line = state.lines[row];
    return line && plainText(terminalPieces(line.text));
  };
  if (total === 0) {
    if (state.error !== null)
      return <ErrorState title="The logs cannot be shown" error={state.error} onRetry={() => void tail.open()} />;
    if (state.looking !== null)
      return (
        <>
          <Skeleton height="24rem" />
          <p className={styles.foot} role="status">
            {lookedThrough(state.looking)}
          </p>
        </>
      );
    return (
      <EmptyState title="Nothing was printed">
        {state.live === "over"
          ? "No task of this run, or none of those asked for, wrote a line."
          : "Lines appear here as soon as tasks write them."}
      </EmptyState>
    );
  }
  const renderRow = (row: number) => {
    const line = state.lines[row];
    if (line === undefined) return null;
    return (
      <div className={`${styles.line} ${line.stream === "stderr" ? styles.stderr : ""}`} data-stream={line.stream}>
        <span className={styles.time} title={line.time === null ? "no time was recorded" : formatExactTime(line.time)}>
          {formatLineTime(line.time, "clock", 0) || "–"}
        </span>
        <TaskLabel flow={flow} runId={runId} task={line} line={line.line} className={styles.task} isShort />
        <span className={styles.stream}>{line.stream === "stderr" ? "err" : ""}</span>
        <span data-text className={styles.text}>
          <LineText text={line.text} />
        </span>
      </div>
    );
  };
  return (
    <>
      <Notes unreadable={state.unreadable} isCut={state.isCut} skipped={state.skipped} error={state.error} />
      <div className={styles.body}>
        <LogView
          label="Lines of all tasks, in the order in which they came"
          total={total}
          rowHeight={ROW_HEIGHTS.small}
          wrap={false}
          isFull={false}
          following={following}
          onFollowing={follow}
          target={null}
          onRows={onRows}
          prepended={state.prepended}
          renderRow={renderRow}
          rowText={rowText}
          footer={null}
        />
        {!following && state.live !== "over" && (
          <Pill lines={Math.max(0, total - state.prepended - pausedAt)} onClick={() => follow(true)} />
        )}
      </div>
      <p className={styles.foot} role="status">
        {state.live === "over" ? "The run is over." : state.live === "live" ? "Live." : "Connecting…"}{" "}
        {plural(total, "line")}
        {state.earlier === null ? "" : ", more above"}
        {state.looking !== null && state.looking.done > 0 ? `. ${lookedThrough(state.looking)}` : ""}
      </p>
    </>
  );
}

/** How far the logs have been looked through for lines, in words; nothing where that is over at once. */
function lookedThrough({ done, total }: { done: number; total: number }): string {
  return done === 0 ? "" : `Looking for earlier lines: ${formatCount(done)} of ${plural(total, "attempt")} so far…`;
}

/** What keeps lines from being shown. */
export function Notes(props: { unreadable: number; isCut: boolean; skipped?: number; error?: unknown }) {
  const notes = [
    props.error instanceof Error ? props.error.message : "",
    props.unreadable > 0 ? `The logs of ${plural(props.unreadable, "task")} cannot be read.` : "",
    props.isCut ? "This run has more tasks than are looked at here: the oldest are left out." : "",
    (props.skipped ?? 0) > 0 ? `${formatCount(props.skipped ?? 0)} lines came too fast and are left out here.` : "",
  ].filter((note) => note !== "");
  if (notes.length === 0) return null;
  return (
    <p className={styles.note}>
      <Icon name="warning" size={14} />
      {notes.join(" ")}
    </p>
  );
}
