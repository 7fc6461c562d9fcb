import { useEffect, useMemo, useSyncExternalStore } from "react";
import type { RunLogMatches } from "@/api/schema";
import { Button } from "@/components/Button";
import { StatusBadge } from "@/components/StatusBadge";
import { EmptyState } from "@/components/States";
import { formatCount, plural } from "@/format/numbers";
import { formatExactTime } from "@/format/time";
import { LineText } from "./LineText";
import { formatLineTime } from "./lineTime";
import type { Search } from "./logSearch";
import { Notes } from "./RunLogTail";
import { RunSearch } from "./runSearch";
import type { runLogQuery } from "./runTail";
import styles from "./RunLogs.module.css";
import { TaskLabel } from "./TaskLabel";

interface RunSearchResultsProps {
  flow: string;
  runId: string;
  query: ReturnType<typeof runLogQuery>;
  search: Search;
}

/** What was found in the logs of a run, by task, as it comes. */
export function RunSearchResults({ flow, runId, query, search }: RunSearchResultsProps) {
  const runner = useMemo(() => new RunSearch(query, search), [query, search]);
  useEffect(() => runner.start(), [runner]);
  const state = useSyncExternalStore(runner.subscribe, runner.snapshot);
  const isOver = !state.searching && state.next === null && state.error === null;
  return (
    <>
      <p className={styles.progress} role="status">
        {state.error !== null ? (
          <span className={styles.problem}>{state.error}</span>
        ) : (
          <>
            {plural(state.lines, "line")} in {plural(state.groups.length, "task")}
            {state.searching && `; searched ${formatCount(state.searched)} of ${plural(state.total, "attempt")}…`}
            {isOver && ` of ${plural(state.total, "attempt")}`}
          </>
        )}
      </p>
      <Notes unreadable={state.unreadable} isCut={state.isCut} />
      {isOver && state.groups.length === 0 && (
        <EmptyState icon="search" title="Nothing found">
          No line of the {plural(state.total, "attempt")} that were searched matches. Look for a part of a word, or for
          fewer filters above.
        </EmptyState>
      )}
      <ul className={styles.groups}>
        {state.groups.map((group) => (
          <li key={`${group.step}/${group.task_id}/${group.attempt}`} className={styles.group}>
            <Group flow={flow} runId={runId} group={group} />
          </li>
        ))}
      </ul>
      {!state.searching && state.next !== null && (
        <Button onClick={() => void runner.goOn()}>
          Go on: {formatCount(state.total - state.searched)} attempts left
        </Button>
      )}
    </>
  );
}

function Group({ flow, runId, group }: { flow: string; runId: string; group: RunLogMatches }) {
  return (
    <>
      <h3 className={styles.head}>
        <StatusBadge status={group.status} compact />
        <TaskLabel flow={flow} runId={runId} task={group} />
        <span className={styles.muted}>
          {plural(group.matches.length, "line")}
          {group.has_more && " and more"}
        </span>
      </h3>
      <ol className={styles.found}>
        {group.matches.map((match) => (
          <li key={match.line} className={`${styles.line} ${match.stream === "stderr" ? styles.stderr : ""}`}>
            <TaskLabel
              flow={flow}
              runId={runId}
              task={group}
              line={match.line}
              className={styles.number}
              text={String(match.line)}
            />
            <span
              className={styles.time}
              title={match.time === null ? "no time was recorded" : formatExactTime(match.time)}
            >
              {formatLineTime(match.time, "clock", 0) || "–"}
            </span>
            <span className={styles.stream}>{match.stream === "stderr" ? "err" : ""}</span>
            <span className={styles.excerpt}>
              {match.begin > 0 && "…"}
              <LineText
                text={match.text}
                spans={match.spans.map(([from, to]) => [from - match.begin, to - match.begin] as const)}
              />
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}
