import type { RunDetails } from "@/api/schema";
import { Icon } from "@/components/Icon";
import { Skeleton } from "@/components/States";
import { Untrusted } from "@/components/Untrusted";
import { ChangesPanel } from "./ChangesPanel";
import { FactsPanel } from "./FactsPanel";
import { FailurePanel } from "./FailurePanel";
import { GivenPanel } from "./GivenPanel";
import styles from "./Overview.module.css";
import { ResultsPanel } from "./ResultsPanel";
import { StepsPanel } from "./StepsPanel";

interface OverviewProps {
  flow: string;
  runId: string;
  /** Undefined until it is known. */
  details: RunDetails | undefined;
}

/** What matters of a run now: why it failed, how far it is, or what it has brought; and what it was given. */
export function Overview({ flow, runId, details }: OverviewProps) {
  if (details === undefined) {
    return (
      <div className={styles.columns}>
        <div className={styles.main}>
          <Skeleton height="12rem" />
          <Skeleton height="16rem" />
        </div>
        <div className={styles.side}>
          <Skeleton height="20rem" />
        </div>
      </div>
    );
  }
  const status = details.run.status;
  const hasFailed = status === "failed" || status === "stopped";
  return (
    <div className={styles.columns}>
      <div className={styles.main}>
        <Problems problems={details.problems} hasFiles={details.has_files} />
        {status === "done" && <ResultsPanel flow={flow} runId={runId} />}
        {status === "running" && <StepsPanel flow={flow} runId={runId} details={details} />}
        {status !== "done" && <FailurePanel flow={flow} runId={runId} />}
        {hasFailed && <ChangesPanel flow={flow} runId={runId} />}
        {status !== "running" && <StepsPanel flow={flow} runId={runId} details={details} />}
        {status === "done" && <ChangesPanel flow={flow} runId={runId} />}
      </div>
      <div className={styles.side}>
        <FactsPanel flow={flow} details={details} />
        <GivenPanel details={details} />
      </div>
    </div>
  );
}

function Problems({ problems, hasFiles }: { problems: readonly string[]; hasFiles: boolean }) {
  if (problems.length === 0) return null;
  return (
    <div className={styles.problems} role="status">
      <Icon name="warning" />
      <div>
        <p>
          <strong>{hasFiles ? "Some files of the run cannot be read." : "The files of the run cannot be read."}</strong>{" "}
          What its records say is shown.
        </p>
        {problems.map((problem) => (
          <p key={problem}>
            <Untrusted text={problem} />
          </p>
        ))}
      </div>
    </div>
  );
}
