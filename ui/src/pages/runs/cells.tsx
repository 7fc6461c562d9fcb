import { Link } from "@tanstack/react-router";
import type { RunRow } from "@/api/schema";
import { Icon } from "@/components/Icon";
import { SilenceNote } from "@/components/SilenceNote";
import { StatusBadge } from "@/components/StatusBadge";
import { Tag } from "@/components/Tag";
import { Duration, Time } from "@/components/Time";
import { Untrusted } from "@/components/Untrusted";
import { formatNumber, plural } from "@/format/numbers";
import { PIN } from "@/pages/actions/tagging";
import { shortOutcome } from "./outcome";
import styles from "./cells.module.css";
import type { Column } from "./columns";
import type { Scalar, ValueKind } from "./filters";

/** What a column shows of a run. */
export function Cell({ run, column }: { run: RunRow; column: Column }) {
  if (column.value !== undefined) {
    const values = column.value.kind === "parameter" ? run.parameters : run.artifacts;
    return <Value value={values[column.value.name]} kind={column.value.kind} />;
  }
  switch (column.id) {
    case "status":
      return <StatusBadge status={run.status} />;
    case "flow":
      return <Untrusted text={run.flow} />;
    case "run":
      return <RunName run={run} />;
    case "user":
      return run.user === "" ? <Missing what="nobody is known" /> : <Untrusted text={run.user} />;
    case "started":
      return <Time at={run.started_at} />;
    case "duration":
      return <Length run={run} />;
    case "finished":
      return run.finished_at === null ? <Missing what="not finished" /> : <Time at={run.finished_at} />;
    case "outcome":
      return <Outcome run={run} />;
    case "tags":
      return <Tags tags={run.tags} />;
    case "project":
      return <Project run={run} />;
    case "origin":
      return <Origin run={run} />;
    default:
      return null;
  }
}

/** How long a run took, or takes so far. */
export function Length({ run }: { run: RunRow }) {
  const isRunning = run.status === "running";
  return <Duration from={run.started_at} to={isRunning ? null : run.finished_at} isRunning={isRunning} />;
}

function Missing({ what }: { what: string }) {
  return (
    <span className={styles.missing} title={what}>
      –
    </span>
  );
}

function RunName({ run }: { run: RunRow }) {
  return (
    <span className={styles.name}>
      <Link to="/runs/$flow/$runId" params={{ flow: run.flow, runId: run.run_id }} className={styles.id}>
        <Untrusted text={run.run_id} />
      </Link>
      {run.tags.includes(PIN) && <Mark icon="pin" text="Pinned" />}
      {run.triggers.length > 0 && <Mark icon="play" text={`Started by ${run.triggers.join(", ")}`} />}
      {run.origin_run_id !== null && <Mark icon="repeat" text={`Resumes ${run.origin_run_id}`} />}
    </span>
  );
}

function Mark({ icon, text }: { icon: "pin" | "play" | "repeat"; text: string }) {
  return (
    <span className={styles.mark} title={text}>
      <Icon name={icon} size={12} />
      <Untrusted text={text} className="visually-hidden" />
    </span>
  );
}

type CountedRun = RunRow & { tasks: NonNullable<RunRow["tasks"]> };

function isCounted(run: RunRow): run is CountedRun {
  return run.status === "running" && run.tasks !== null && run.tasks.known > 0;
}

/** Whether there is anything to say of what a run comes to. */
export function hasOutcome(run: RunRow): boolean {
  return run.silence !== null || isCounted(run) || (run.message !== null && run.message !== "");
}

/** What a run comes to: how far it is, or why it failed. */
function Outcome({ run }: { run: RunRow }) {
  if (run.silence !== null) {
    return (
      <span className={styles.message}>
        <SilenceNote silence={run.silence} />
      </span>
    );
  }
  if (isCounted(run)) {
    const done = run.tasks.known - run.tasks.running;
    const text = `${done.toLocaleString("en")} of ${plural(run.tasks.known, "task")} so far`;
    return (
      <span className={styles.progress} title={`${text}; ${run.tasks.running.toLocaleString("en")} running`}>
        <progress value={done} max={run.tasks.known} aria-label={text} />
        <span>
          {done.toLocaleString("en")}/{run.tasks.known.toLocaleString("en")}
        </span>
      </span>
    );
  }
  if (run.message !== null && run.message !== "") {
    return (
      <span className={styles.message} title={run.message}>
        <Untrusted text={shortOutcome(run.message)} />
      </span>
    );
  }
  return null;
}

const SHOWN_TAGS = 3;

function Tags({ tags }: { tags: readonly string[] }) {
  if (tags.length === 0) return null;
  const more = tags.slice(SHOWN_TAGS);
  return (
    <span className={styles.tags}>
      {tags.slice(0, SHOWN_TAGS).map((tag) => (
        <Tag key={tag} text={tag} />
      ))}
      {more.length > 0 && (
        <span className={styles.missing} title={more.join("\n")}>
          +{more.length}
        </span>
      )}
    </span>
  );
}

function Project({ run }: { run: RunRow }) {
  if (run.project === null) return null;
  return (
    <span title={run.branch === null ? run.project : `${run.project}, branch ${run.branch}`}>
      <Untrusted text={run.project} />
      {run.branch !== null && (
        <span className={styles.missing}>
          {" / "}
          <Untrusted text={run.branch} />
        </span>
      )}
    </span>
  );
}

function Origin({ run }: { run: RunRow }) {
  if (run.origin_run_id === null) return null;
  return (
    <Link to="/runs/$flow/$runId" params={{ flow: run.flow, runId: run.origin_run_id }} className={styles.id}>
      <Untrusted text={run.origin_run_id} />
    </Link>
  );
}

function Value({ value, kind }: { value: Scalar | undefined; kind: ValueKind }) {
  if (value === undefined) return <Missing what="this run has none, or it is no plain value" />;
  if (typeof value === "number" || typeof value === "bigint") {
    // What a person gave is shown as it was given: a year, or a seed, has no thousands.
    return <span title={String(value)}>{kind === "parameter" ? String(value) : formatNumber(value)}</span>;
  }
  if (typeof value === "string") {
    return value === "" ? <span className={styles.missing}>empty text</span> : <Untrusted text={value} />;
  }
  return <span className={styles.constant}>{value === null ? "None" : value ? "True" : "False"}</span>;
}
