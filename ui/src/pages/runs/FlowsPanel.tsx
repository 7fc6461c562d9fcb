import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { FlowSummary } from "@/api/schema";
import { useNow } from "@/app/clock";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { LastRuns } from "@/components/LastRuns";
import { ErrorState, Skeleton } from "@/components/States";
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
      <LastRuns flow={flow.flow} runs={flow.last} />
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
