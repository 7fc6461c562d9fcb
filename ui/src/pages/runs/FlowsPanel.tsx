import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type KeyboardEvent } from "react";
import type { FlowSummary, PastRun } from "@/api/schema";
import { useNow } from "@/app/clock";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { ErrorState, Skeleton } from "@/components/States";
import { statusWord } from "@/components/StatusBadge";
import { Untrusted } from "@/components/Untrusted";
import { formatDuration } from "@/format/duration";
import { formatCount, plural } from "@/format/numbers";
import { formatRelativeTime } from "@/format/time";
import styles from "./FlowsPanel.module.css";
import { flowsQuery } from "./queries";

const FIRST = 25;
const MOST = 100;

interface FlowsPanelProps {
  /** Flows whose runs are shown. */
  chosen: readonly string[];
  onToggle: (flow: string) => void;
}

/** All flows at a glance: what became of the last runs of each, so that one sees at once what is red. */
export function FlowsPanel({ chosen, onToggle }: FlowsPanelProps) {
  const [limit, setLimit] = useState(FIRST);
  const flows = useQuery(flowsQuery(limit));
  if (flows.isError && flows.data === undefined) {
    return <ErrorState error={flows.error} title="The flows cannot be shown" onRetry={() => void flows.refetch()} />;
  }
  if (flows.data === undefined) return <Skeleton lines={10} />;
  if (flows.data.total === 0) return <p className={styles.none}>None has run yet.</p>;
  const left = flows.data.total - flows.data.flows.length;
  return (
    <>
      <ul className={styles.list}>
        {flows.data.flows.map((flow) => (
          <Flow key={flow.flow} flow={flow} isChosen={chosen.includes(flow.flow)} onToggle={onToggle} />
        ))}
      </ul>
      {left > 0 && limit < MOST && (
        <Button kind="quiet" onClick={() => setLimit(MOST)}>
          {left > MOST - limit ? `Show ${MOST - limit} more` : `Show ${plural(left, "more flow", "more flows")}`}
        </Button>
      )}
      {left > 0 && limit >= MOST && <p className={styles.more}>And {plural(left, "other flow")}: find them above.</p>}
    </>
  );
}

interface FlowProps {
  flow: FlowSummary;
  isChosen: boolean;
  onToggle: (flow: string) => void;
}

function Flow({ flow, isChosen, onToggle }: FlowProps) {
  return (
    <li className={`${styles.flow} ${isChosen ? styles.chosen : ""}`}>
      <div className={styles.head}>
        <button
          type="button"
          className={styles.name}
          aria-pressed={isChosen}
          title={`${flow.flow}: ${plural(flow.runs, "run")}${isChosen ? "; show all flows again" : "; show only these"}`}
          onClick={() => onToggle(flow.flow)}
        >
          <Untrusted text={flow.flow} />
        </button>
        {flow.running > 0 && <span className={styles.running}>{formatCount(flow.running)} running</span>}
        <Link
          to="/flows/$flow"
          params={{ flow: flow.flow }}
          className={styles.more}
          aria-label={`Page of ${flow.flow}`}
        >
          <Icon name="right" size={12} />
        </Link>
      </div>
      <Strip flow={flow.flow} runs={flow.last} />
      <Facts flow={flow} />
    </li>
  );
}

function Facts({ flow }: { flow: FlowSummary }) {
  const now = useNow();
  const success = flow.last_success;
  return (
    <p className={styles.facts}>
      {success === null ? "never succeeded" : `succeeded ${formatRelativeTime(success.started_at, now)}`}
      {flow.median_seconds !== null && (
        <span title="median of its last successful runs"> · {formatDuration(flow.median_seconds)}</span>
      )}
    </p>
  );
}

/** The last runs as marks, the newest at the right: heights and shapes tell what colours tell. */
function Strip({ flow, runs }: { flow: string; runs: readonly PastRun[] }) {
  const press = (event: KeyboardEvent<HTMLDivElement>) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined || !(event.target instanceof HTMLElement)) return;
    event.preventDefault();
    const links = [...event.currentTarget.querySelectorAll("a")];
    links[links.indexOf(event.target as HTMLAnchorElement) + step]?.focus();
  };
  const shown = [...runs].reverse();
  return (
    <div className={styles.strip} role="toolbar" aria-label={`Last runs of ${flow}`} tabIndex={-1} onKeyDown={press}>
      {shown.map((run, index) => (
        <StripLink key={run.run_id} flow={flow} run={run} isReachable={index === shown.length - 1} />
      ))}
    </div>
  );
}

function StripLink({ flow, run, isReachable }: { flow: string; run: PastRun; isReachable: boolean }) {
  const now = useNow();
  const took = run.finished_at === null ? "" : `, took ${formatDuration(run.finished_at - run.started_at)}`;
  const text = `${statusWord(run.status)}, started ${formatRelativeTime(run.started_at, now)}${took}: ${run.run_id}`;
  return (
    <Link
      to="/runs/$flow/$runId"
      params={{ flow, runId: run.run_id }}
      className={`${styles.mark} ${styles[run.status]}`}
      title={text}
      aria-label={text}
      tabIndex={isReachable ? 0 : -1}
      preload={false}
    >
      <svg viewBox="0 0 8 18" width={8} height={18} aria-hidden="true" focusable="false">
        <path d={SHAPES[run.status]} />
      </svg>
    </Link>
  );
}

/** Done is a full bar, failed a cross over half a bar, stopped a low block, running an open bar. */
const SHAPES = {
  done: "M1 1h6v16h-6z",
  failed: "M1 9.5h6v7.5h-6zM1 1l1-1 2 2.5 2-2.5 1 1-2.2 2.8 2.2 2.8-1 1-2-2.5-2 2.5-1-1 2.2-2.8z",
  stopped: "M1 11h6v6h-6z",
  running: "M1 1h6v16h-6zM2.5 2.5v13h3v-13z",
} as const;
