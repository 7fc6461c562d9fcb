import { Link } from "@tanstack/react-router";
import type { RunDetails } from "@/api/schema";
import { Button } from "@/components/Button";
import { CopyButton } from "@/components/CopyButton";
import { Icon } from "@/components/Icon";
import { LastRuns } from "@/components/LastRuns";
import { Skeleton } from "@/components/States";
import { SilenceNote } from "@/components/SilenceNote";
import { StatusBadge } from "@/components/StatusBadge";
import { Tag } from "@/components/Tag";
import { Duration, Time } from "@/components/Time";
import { Untrusted } from "@/components/Untrusted";
import { visible } from "@/format/untrusted";
import { RunActions } from "@/pages/actions/RunActions";
import { ExportButton } from "@/pages/export/ExportButton";
import { CompareMenu } from "./CompareMenu";
import styles from "./RunHeader.module.css";
import type { View } from "./search";

interface RunHeaderProps {
  flow: string;
  runId: string;
  /** Undefined until it is known. */
  details: RunDetails | undefined;
  view: View;
}

/** Which run it is, how it is, who started it and when; what can be done with it. */
export function RunHeader({ flow, runId, details, view }: RunHeaderProps) {
  return (
    <header className={styles.header}>
      <div className={styles.first}>
        <h1 className={styles.title}>
          <Link to="/flows/$flow" params={{ flow }} title={visible(flow)}>
            <Untrusted text={flow} />
          </Link>
          <span aria-hidden="true">/</span>
          <Untrusted text={runId} className={styles.id} />
        </h1>
        <CopyButton text={`${flow}/${runId}`} label="Copy the name of the run" />
        {details === undefined ? <Skeleton height="1.25rem" /> : <State details={details} />}
        <div className={styles.side}>
          {details !== undefined && <Neighbours flow={flow} details={details} view={view} />}
          {details !== undefined && <CompareMenu flow={flow} runId={runId} details={details} />}
          <ExportButton flow={flow} runId={runId} />
          <RunActions runs={[{ flow, runId }]} />
        </div>
      </div>
      <div className={styles.second}>{details !== undefined && <Facts flow={flow} details={details} />}</div>
    </header>
  );
}

function State({ details: { run, silence } }: { details: RunDetails }) {
  const isRunning = run.status === "running";
  return (
    <p className={styles.state}>
      <StatusBadge status={run.status} />
      <span className={styles.duration}>
        <Duration from={run.started_at} to={isRunning ? undefined : run.finished_at} isRunning={isRunning} />
      </span>
      <span className={styles.muted}>
        <Time at={run.started_at} /> by <Untrusted text={run.user} />
      </span>
      {silence !== null && (
        <span className={styles.muted}>
          <Icon name="warning" size={12} /> <SilenceNote silence={silence} />
        </span>
      )}
    </p>
  );
}

function Facts({ flow, details }: { flow: string; details: RunDetails }) {
  const { run } = details;
  return (
    <>
      {run.origin_run_id !== null && <OtherRun flow={flow} runId={run.origin_run_id} label="resumes" />}
      {details.resumed_by.slice(0, 2).map((other) => (
        <OtherRun key={other.run_id} flow={flow} runId={other.run_id} label="resumed by" status={other.status} />
      ))}
      {details.triggers.slice(0, 1).map((trigger) =>
        trigger.flow !== null && trigger.run_id !== null ? (
          <OtherRun key={trigger.name} flow={trigger.flow} runId={trigger.run_id} label="started by" withFlow />
        ) : (
          <span key={trigger.name} className={styles.muted}>
            started by the event <Untrusted text={trigger.name} />
          </span>
        ),
      )}
      {run.tags.map((tag) => (
        <Tag key={tag} text={tag} />
      ))}
      <span className={styles.command}>
        <CopyButton text={details.command} label="Copy the command that starts such a run" />
        <code title={details.command}>
          <Untrusted text={details.command} />
        </code>
      </span>
    </>
  );
}

function OtherRun(props: {
  flow: string;
  runId: string;
  label: string;
  status?: RunDetails["recent"][number]["status"];
  withFlow?: boolean;
}) {
  const { flow, runId } = props;
  return (
    <span className={styles.other}>
      <span className={styles.muted}>{props.label}</span>
      {props.status !== undefined && <StatusBadge status={props.status} compact />}
      <Link to="/runs/$flow/$runId" params={{ flow, runId }} search={{}}>
        <Untrusted text={props.withFlow === true ? `${flow}/${runId}` : runId} />
      </Link>
    </span>
  );
}

function Neighbours({ flow, details, view }: { flow: string; details: RunDetails; view: View }) {
  return (
    <nav className={styles.neighbours} aria-label="Other runs of the flow">
      <Neighbour flow={flow} runId={details.previous} view={view} label="Run before this one ([)" icon="left" />
      <LastRuns
        flow={flow}
        runs={details.recent}
        current={details.run.run_id}
        view={view === "overview" ? undefined : view}
      />
      <Neighbour flow={flow} runId={details.next} view={view} label="Run after this one (])" icon="right" />
    </nav>
  );
}

function Neighbour(props: { flow: string; runId: string | null; view: View; label: string; icon: "left" | "right" }) {
  const { flow, runId, view, label, icon } = props;
  if (runId === null) {
    return (
      <Button kind="quiet" label={label} disabled>
        <Icon name={icon} />
      </Button>
    );
  }
  return (
    <Link
      to="/runs/$flow/$runId"
      params={{ flow, runId }}
      search={view === "overview" ? {} : { view }}
      className={styles.neighbour}
      aria-label={label}
      title={label}
    >
      <Icon name={icon} />
    </Link>
  );
}
