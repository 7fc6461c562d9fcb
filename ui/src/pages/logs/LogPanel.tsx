import { useCallback, useMemo, useRef, useState } from "react";
import { api, body } from "@/api/client";
import type { LogRow } from "@/api/schema";
import type { Span } from "./highlight";
import { LogBar } from "./LogBar";
import type { LogFacts } from "./logBuffer";
import { LogNotices } from "./LogNotices";
import { LogRowView } from "./LogRowView";
import { LogView, type Target } from "./LogView";
import { LongLine } from "./LongLine";
import { clickedRange, formatLineRange, type LineRange } from "./lineRange";
import { isNothing, nextMatch, type Search, type SearchState } from "./logSearch";
import { ROW_HEIGHTS, useLogPreferences } from "./preferences";
import { flag } from "./search";
import { logQuery, type SourceState, type TaskLogSource } from "./taskLogSource";
import { LineText } from "./LineText";
import { plainText, terminalPieces } from "./ansi";
import { Pill } from "./Pill";
import { useLogKeys } from "./useLogKeys";
import styles from "./LogPanel.module.css";

export interface LogPanelProps {
  source: TaskLogSource;
  state: SourceState;
  facts: LogFacts;
  found: SearchState;
  search: Search;
  selected: LineRange | null;
  /** Whether only lines are shown that match. */
  only: boolean;
  startedAt: number;
  onAddress: (part: Record<string, string | undefined>, replace?: boolean) => void;
}

/** A log with all that can be done with it. */
export function LogPanel(props: LogPanelProps) {
  const { source, state, facts, found, search, selected, onAddress, startedAt } = props;
  const preferences = useLogPreferences();
  const [isFull, setFull] = useState(false);
  const [following, setFollowing] = useState(facts.status === "running" && state.openedAt === null);
  const [pausedAt, setPausedAt] = useState(facts.total_rows);
  const [target, setTarget] = useState<Target | null>(state.openedAt === null ? null : { row: state.openedAt, key: 0 });
  const [current, setCurrent] = useState<number | null>(null);
  const [whole, setWhole] = useState<LogRow | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const looked = useRef(0);
  const searches = !isNothing(search);
  const isFiltered = searches && props.only;
  const total = isFiltered ? found.matches.length : facts.total_rows;

  const follow = useCallback(
    (on: boolean) => {
      setFollowing(on);
      if (!on) setPausedAt(facts.total_rows);
    },
    [facts.total_rows],
  );
  const goTo = useCallback((row: number) => {
    setFollowing(false);
    setTarget((before) => ({ row, key: (before?.key ?? 0) + 1 }));
  }, []);
  const goToMatch = (place: number) => {
    const match = found.matches[place];
    if (match === undefined) return;
    setCurrent(place);
    goTo(isFiltered ? place : match.row);
  };
  const step = (direction: 1 | -1) => {
    if (found.matches.length === 0) return;
    const count = found.matches.length;
    const place =
      current !== null
        ? (current + direction + count) % count
        : nextMatch(found.matches, looked.current - 1, direction);
    if (place !== null) goToMatch(place);
  };
  const goToFirstError = async () => {
    const answer = body(
      await api.GET("/api/v1/task/log/search", {
        params: { query: { ...logQuery(source.name), level: "error", limit: 1 } },
      }),
    );
    const match = answer.matches[0];
    if (match === undefined) return false;
    onAddress({ line: String(match.line), only: undefined });
    goTo(match.row);
    return true;
  };
  useLogKeys({ field, onStep: step, onLeaveFull: isFull ? () => setFull(false) : null });

  const onRows = useCallback(
    (begin: number, end: number) => {
      looked.current = Math.max(0, begin + 24);
      if (!isFiltered) source.ensure(begin, end);
    },
    [source, isFiltered],
  );
  const select = useCallback(
    (line: number, extend: boolean) =>
      onAddress({ line: formatLineRange(clickedRange(extend ? selected : null, line, extend)) }),
    [onAddress, selected],
  );
  const rowAt = (place: number): LogRow | undefined => {
    if (!isFiltered) return source.buffer.row(place);
    const match = found.matches[place];
    return match && { line: match.line, stream: match.stream, time: match.time, text: match.text };
  };
  const rowText = useCallback(
    (place: number) => {
      const text = isFiltered ? found.matches[place]?.text : source.buffer.row(place)?.text;
      return text === undefined ? undefined : plainText(terminalPieces(text));
    },
    [source, found, isFiltered],
  );
  const marksStreams = source.name.stream === "both" && facts.stderr_lines > 0 && facts.stdout_lines > 0;
  const digits = String(facts.total_lines).length;
  const href = useMemo(() => addressOfLine(), []);

  const renderRow = (place: number) => {
    const row = rowAt(place);
    if (row === undefined) return <div className={styles.waiting} style={{ height: ROW_HEIGHTS[preferences.size] }} />;
    const match = found.byLine.get(row.line);
    const hit = searches && match !== undefined ? found.matches[match] : undefined;
    return (
      <LogRowView
        row={row}
        digits={digits}
        times={preferences.times}
        startedAt={startedAt}
        marksStreams={marksStreams}
        isSelected={selected !== null && row.line >= selected.first && row.line <= selected.last}
        isCurrent={match !== undefined && match === current}
        spans={hit === undefined ? undefined : isFiltered ? shifted(hit.spans, hit.begin) : hit.spans}
        href={href(row.line)}
        onNumber={select}
        onWhole={setWhole}
      />
    );
  };
  return (
    <section
      className={`${styles.panel} ${isFull ? styles.full : ""} ${styles[preferences.size]}`}
      aria-label="Log"
      data-wrap={preferences.wrap}
    >
      <LogBar
        {...props}
        field={field}
        current={current}
        isFull={isFull}
        onFull={setFull}
        following={following}
        onFollow={(on) => follow(on)}
        onStep={step}
        onSearch={(next) => {
          setCurrent(null);
          onAddress({
            q: next.text,
            regex: flag(next.regex),
            case: flag(next.case),
            level: next.level ?? undefined,
            ...(isNothing(next) ? { only: undefined } : {}),
          });
        }}
        onFirstError={goToFirstError}
      />
      <LogNotices source={source} state={state} facts={facts} onAddress={onAddress} />
      <div className={styles.body}>
        <LogView
          label={`Lines of the log`}
          total={total}
          rowHeight={ROW_HEIGHTS[preferences.size]}
          wrap={preferences.wrap}
          isFull={isFull}
          following={following && !isFiltered}
          onFollowing={follow}
          target={target}
          onRows={onRows}
          renderRow={renderRow}
          rowText={rowText}
          footer={
            !isFiltered && facts.unfinished.length > 0 ? (
              <div className={styles.unfinished}>
                {facts.unfinished.map((row) => (
                  <div key={row.stream} title={`${row.stream}; this line is still being written`}>
                    <span className={styles.writing} style={{ minWidth: `${digits + 1}ch` }} aria-hidden="true">
                      …
                    </span>
                    <LineText text={row.text} />
                  </div>
                ))}
              </div>
            ) : null
          }
        />
        {!following && state.live !== "over" && !isFiltered && (
          <Pill lines={facts.total_rows - pausedAt} onClick={() => follow(true)} />
        )}
      </div>
      {whole !== null && <LongLine source={source} row={whole} onClose={() => setWhole(null)} />}
    </section>
  );
}

function addressOfLine(): (line: number) => string {
  return (line) => {
    const query = new URLSearchParams(window.location.search);
    query.set("tab", "logs");
    query.set("line", String(line));
    return `?${query.toString()}`;
  };
}

function shifted(spans: readonly Span[], begin: number): Span[] {
  return spans.map(([from, to]): Span => [Math.max(0, from - begin), Math.max(0, to - begin)]);
}
