import { Link } from "@tanstack/react-router";
import type { TaskFacts } from "@/api/schema";
import { CommandLine } from "@/components/CommandLine";
import { CopyButton } from "@/components/CopyButton";
import { Icon } from "@/components/Icon";
import { StatusBadge } from "@/components/StatusBadge";
import { Duration, Time } from "@/components/Time";
import { Untrusted } from "@/components/Untrusted";
import { AttemptPicker } from "./AttemptPicker";
import { Phases } from "./Phases";
import { SiblingLinks } from "./SiblingLinks";
import styles from "./TaskHeader.module.css";
import type { TaskAddress } from "./address";

/** Which task this is, how it is, when it ran, and what to type to go on with it. */
export function TaskHeader({ task, facts }: { task: TaskAddress; facts: TaskFacts }) {
  const record = facts.task;
  return (
    <header className={styles.header}>
      <Crumbs task={task} pathspec={facts.pathspec} />
      <div className={styles.title}>
        <h1>
          <Untrusted text={task.step} />
          <span className={styles.slash}>/</span>
          <Untrusted text={task.taskId} />
        </h1>
        <StatusBadge status={record.status} />
        {record.ok && !record.success && (
          <span className={styles.note} title="The step raised an exception, which @catch or the like has dealt with">
            <Icon name="warning" size={12} /> failure handled
          </span>
        )}
        <SiblingLinks task={task} siblings={facts.siblings} />
      </div>
      <Facts facts={facts} />
      <Phases task={record} />
      {facts.attempts.length > 1 && <AttemptPicker attempts={facts.attempts} selected={record.attempt} />}
      {facts.problems.map((problem) => (
        <p key={problem} className={styles.problem}>
          <Icon name="warning" size={14} /> <Untrusted text={problem} />
        </p>
      ))}
      <Commands commands={facts.commands} />
    </header>
  );
}

function Crumbs({ task, pathspec }: { task: TaskAddress; pathspec: string }) {
  const { flow, runId, step, taskId } = task;
  return (
    <nav aria-label="Where this task is" className={styles.crumbs}>
      <ol>
        <li>
          <Link to="/flows/$flow" params={{ flow }}>
            <Untrusted text={flow} />
          </Link>
        </li>
        <li>
          <Link to="/runs/$flow/$runId" params={{ flow, runId }}>
            <Untrusted text={runId} />
          </Link>
        </li>
        <li>
          <Link to="/runs/$flow/$runId" params={{ flow, runId }} search={{ step }}>
            <Untrusted text={step} />
          </Link>
        </li>
        <li aria-current="page">
          <Untrusted text={taskId} />
        </li>
      </ol>
      <CopyButton text={pathspec} label="Copy the pathspec" />
    </nav>
  );
}

function Facts({ facts }: { facts: TaskFacts }) {
  const { task: record, run } = facts;
  const isRunning = record.status === "running";
  return (
    <dl className={styles.facts}>
      {facts.foreach.map((each) => (
        <div key={`${each.step} ${each.variable}`}>
          <dt>
            <Untrusted text={each.variable} />
          </dt>
          <dd className={styles.value}>
            <Untrusted text={each.value} />
            <span className={styles.muted}>
              {" "}
              {each.index + 1} of {each.count}
            </span>
          </dd>
        </div>
      ))}
      {record.iteration !== null && (
        <div>
          <dt>Round</dt>
          <dd>{record.iteration + 1}</dd>
        </div>
      )}
      <div>
        <dt>Started</dt>
        <dd>
          <Time at={record.started_at} />
        </dd>
      </div>
      <div>
        <dt>{isRunning ? "Running for" : "Took"}</dt>
        <dd>
          <Duration from={record.started_at} to={isRunning ? undefined : record.finished_at} isRunning={isRunning} />
        </dd>
      </div>
      <div>
        <dt>By</dt>
        <dd>
          <Untrusted text={run.user} />
        </dd>
      </div>
      {record.origin !== null && <Origin pathspec={record.origin} />}
    </dl>
  );
}

function Origin({ pathspec }: { pathspec: string }) {
  const [flow, runId, step, taskId] = pathspec.split("/");
  if (flow === undefined || runId === undefined || step === undefined || taskId === undefined) return null;
  return (
    <div>
      <dt>Taken over from</dt>
      <dd>
        <Link to="/runs/$flow/$runId/tasks/$step/$taskId" params={{ flow, runId, step, taskId }}>
          <Untrusted text={`${runId}/${step}/${taskId}`} />
        </Link>
      </dd>
    </div>
  );
}

function Commands({ commands }: { commands: TaskFacts["commands"] }) {
  return (
    <details className={styles.commands}>
      <summary>Commands: log, run again, resume, Python</summary>
      <ul>
        {commands.map((each) => (
          <li key={each.label}>
            <span className={styles.label}>{each.label}</span>
            <CommandLine command={each.command} label={`Copy: ${each.label}`} />
          </li>
        ))}
      </ul>
    </details>
  );
}
