import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { EmptyState } from "@/components/States";
import { Untrusted } from "@/components/Untrusted";
import { plural } from "@/format/numbers";
import type { LogFacts } from "./logBuffer";
import { flag } from "./search";
import type { SourceState, TaskLogSource } from "./taskLogSource";
import styles from "./LogNotices.module.css";

interface LogNoticesProps {
  source: TaskLogSource;
  state: SourceState;
  facts: LogFacts;
  onAddress: (part: Record<string, string | undefined>, replace?: boolean) => void;
}

/** What is to be known of a log beside its lines: that it was cut, taken back, damaged, printed elsewhere. */
export function LogNotices({ source, state, facts, onAddress }: LogNoticesProps) {
  const { redraws, stream } = source.name;
  const isEmpty = facts.total_rows === 0 && facts.unfinished.length === 0;
  return (
    <>
      {state.error !== null && (
        <Notice kind="warning">{state.error instanceof Error ? state.error.message : "The log cannot be read."}</Notice>
      )}
      {state.laterAttempt !== null && (
        <Notice>
          This is attempt {facts.attempt}. Attempt {state.laterAttempt} has begun.{" "}
          <Button onClick={() => onAddress({ attempt: String(state.laterAttempt), line: undefined }, false)}>
            Show it
          </Button>
        </Notice>
      )}
      {facts.origin !== "" && <OriginNotice origin={facts.origin} isGone={facts.is_origin_gone} />}
      {facts.truncated.length > 0 && (
        <Notice kind="warning">
          {facts.truncated.join(" and ")} was cut because it was too long. What came later was not kept; the run&apos;s
          option --max-log-size says how much is.
        </Notice>
      )}
      {facts.scrubbed.length > 0 && (
        <Notice>{facts.scrubbed.join(" and ")} was taken back: somebody has scrubbed what was printed there.</Notice>
      )}
      {facts.untimed_lines > 0 && (
        <Notice kind="warning">
          {plural(facts.untimed_lines, "line")} of this log {facts.untimed_lines === 1 ? "is" : "are"} damaged, and
          shown as found.
        </Notice>
      )}
      {facts.redrawn_lines > 0 && (
        <Notice>
          {redraws
            ? "All states of progress bars are shown."
            : `${plural(facts.redrawn_lines, "line")} that progress bars wrote over ${facts.redrawn_lines === 1 ? "is" : "are"} left out.`}{" "}
          <Button onClick={() => onAddress({ redraws: flag(!redraws), line: undefined }, false)}>
            {redraws ? "Show the latest states only" : "Show all"}
          </Button>
        </Notice>
      )}
      {redraws && facts.redrawn_lines === 0 && (
        <Notice>
          All states of progress bars are shown.{" "}
          <Button onClick={() => onAddress({ redraws: undefined, line: undefined }, false)}>
            Show the latest states only
          </Button>
        </Notice>
      )}
      {isEmpty && (
        <EmptyState title={stream === "both" ? "Nothing was printed" : `Nothing was printed to ${stream}`}>
          {facts.is_origin_gone
            ? "The task that printed it is gone."
            : state.live === "over"
              ? "The task wrote no line."
              : "Lines appear here as soon as the task writes them."}
        </EmptyState>
      )}
    </>
  );
}

function OriginNotice({ origin, isGone }: { origin: string; isGone: boolean }) {
  const [flow = "", runId = "", step = "", taskId = ""] = origin.split("/");
  if (isGone) {
    return (
      <Notice kind="warning">
        This task was taken over from <Untrusted text={origin} />, which no longer exists, and its log with it.
      </Notice>
    );
  }
  return (
    <Notice>
      This task was taken over from{" "}
      <Link to="/runs/$flow/$runId/tasks/$step/$taskId" params={{ flow, runId, step, taskId }} search={{ tab: "logs" }}>
        <Untrusted text={origin} />
      </Link>
      , which printed this.
    </Notice>
  );
}

function Notice({ kind = "info", children }: { kind?: "info" | "warning"; children: ReactNode }) {
  return (
    <div className={`${styles.notice} ${styles[kind]}`}>
      <Icon name={kind} size={14} />
      <div>{children}</div>
    </div>
  );
}
