import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { FailedTask, FailureGroup, RunFailure } from "@/api/schema";
import { CommandLine } from "@/components/CommandLine";
import { Icon } from "@/components/Icon";
import { ErrorState, Skeleton } from "@/components/States";
import { Time } from "@/components/Time";
import { Untrusted } from "@/components/Untrusted";
import { plural } from "@/format/numbers";
import { CAUSES, failureTitle, placeOf } from "./failure";
import styles from "./FailurePanel.module.css";
import { LogTail } from "./LogTail";
import { failureQuery } from "./queries";
import { searchOfTaskFilter } from "./search";
import { SourceExcerpt } from "./SourceExcerpt";
import { Traceback } from "./Traceback";
import { ValueTable } from "./ValueTable";

/** Why a run failed, complete: what, where, with what in hand, and what to type next. */
export function FailurePanel({ flow, runId }: { flow: string; runId: string }) {
  const query = useQuery(failureQuery(flow, runId));
  if (query.data === undefined) {
    if (query.isError) {
      return (
        <ErrorState error={query.error} title="Why it failed cannot be read" onRetry={() => void query.refetch()} />
      );
    }
    return <Skeleton height="24rem" />;
  }
  const failure = query.data;
  if (failure.cause === null && failure.task === null) return null;
  return (
    <section
      className={`${styles.failure} ${failure.cause === "stopped" ? styles.stopped : ""}`}
      aria-labelledby="failure-title"
    >
      <Title flow={flow} runId={runId} failure={failure} />
      {failure.task !== null && <Evidence task={failure.task} />}
      <div className={styles.body}>
        {failure.problems.map((problem) => (
          <p key={problem} className={styles.problem}>
            <Icon name="warning" size={14} /> <Untrusted text={problem} />
          </p>
        ))}
        <Commands failure={failure} />
        <OtherFailures flow={flow} runId={runId} failure={failure} />
      </div>
    </section>
  );
}

function Title({ flow, runId, failure }: { flow: string; runId: string; failure: RunFailure }) {
  const { task, cause } = failure;
  const explained = cause === null ? null : CAUSES[cause];
  const place = task === null ? "" : placeOf(task.foreach);
  return (
    <header className={styles.title}>
      <span className={styles.icon}>
        <Icon name={cause === "stopped" ? "stopped" : "failed"} size={20} />
      </span>
      <div className={styles.words}>
        <h2 id="failure-title">
          <Untrusted text={failureTitle(failure)} />
        </h2>
        {task !== null && (
          <p className={styles.where}>
            <Link
              to="/runs/$flow/$runId/tasks/$step/$taskId"
              params={{ flow, runId, step: task.step, taskId: task.task_id }}
              search={{}}
            >
              <Untrusted text={`${task.step}/${task.task_id}`} />
            </Link>
            {place !== "" && <Untrusted text={place} className={styles.place} />}
            {task.attempt > 0 && <span>attempt {task.attempt}</span>}
            <span className={styles.muted}>
              {task.status} <Time at={task.finished_at} />
            </span>
          </p>
        )}
        {explained !== null && (
          <p className={styles.cause}>
            <strong>{explained.title}.</strong> {explained.advice}
          </p>
        )}
      </div>
    </header>
  );
}

/** What is known of the task at that point. */
function Evidence({ task }: { task: FailedTask }) {
  const hasMore = (task.error_message ?? "").trim().includes("\n") && task.traceback === null;
  return (
    <div className={styles.body}>
      {hasMore && (
        <pre className={styles.message}>
          <Untrusted text={task.error_message ?? ""} />
        </pre>
      )}
      {task.source !== null && <SourceExcerpt excerpt={task.source} />}
      {task.traceback !== null && <Traceback traceback={task.traceback} frames={task.frames} />}
      <div className={styles.columns}>
        <section aria-labelledby="failure-log">
          <h3 id="failure-log">Last lines it printed</h3>
          <LogTail lines={task.log} hasTraceback={task.traceback !== null} />
        </section>
        {task.artifacts.length > 0 && (
          <section aria-labelledby="failure-artifacts">
            <h3 id="failure-artifacts">Artifacts at that point</h3>
            <ValueTable
              label="Artifacts at that point"
              values={task.artifacts}
              note={(value) => (value.is_new ? "set by this task" : undefined)}
            />
          </section>
        )}
      </div>
    </div>
  );
}

function Commands({ failure }: { failure: RunFailure }) {
  const { task } = failure;
  const commands: [string, string, string][] = [];
  if (failure.resume_command !== null) {
    commands.push(["Go on from here", "finished tasks are taken over", failure.resume_command]);
  }
  if (task !== null) {
    commands.push(["Try this task alone", "on the same inputs, without a run", task.spin_command]);
    commands.push(["Show all it printed", "", task.logs_command]);
  }
  if (commands.length === 0) return null;
  return (
    <section aria-labelledby="failure-commands">
      <h3 id="failure-commands">
        Next
        {failure.directory !== null && (
          <span className={styles.directory}>
            in <Untrusted text={failure.directory} />
          </span>
        )}
      </h3>
      <dl className={styles.commands}>
        {commands.map(([title, hint, command]) => (
          <div key={title}>
            <dt>
              {title}
              {hint !== "" && <small>{hint}</small>}
            </dt>
            <dd>
              <CommandLine command={command} label={`Copy: ${title.toLowerCase()}`} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function OtherFailures({ flow, runId, failure }: { flow: string; runId: string; failure: RunFailure }) {
  if (failure.failures < 2) return null;
  return (
    <section aria-labelledby="failure-others">
      <h3 id="failure-others">
        {failure.is_complete ? plural(failure.failures, "task") : `The first ${plural(failure.failures, "task")}`} by
        error
      </h3>
      <ul className={styles.groups}>
        {failure.groups.map((group) => (
          <li key={`${group.step} ${group.error}`}>
            <Group flow={flow} runId={runId} group={group} />
          </li>
        ))}
      </ul>
      {failure.groups_left_out > 0 && (
        <p className={styles.muted}>and {plural(failure.groups_left_out, "further kind")} of error</p>
      )}
    </section>
  );
}

function Group({ flow, runId, group }: { flow: string; runId: string; group: FailureGroup }) {
  const filter = searchOfTaskFilter({
    steps: [group.step],
    statuses: [group.status],
    text: group.search,
    order: "started_at",
    descending: false,
  });
  return (
    <Link
      to="/runs/$flow/$runId"
      params={{ flow, runId }}
      search={{ ...filter, view: "tasks" }}
      className={styles.group}
    >
      <span className={styles.count}>{group.count}</span>
      <Untrusted text={group.step} className={styles.place} />
      <Untrusted text={group.error === "" ? "ended without a result" : group.error} className={styles.error} />
      {!group.is_alike && <small className={styles.alike}>and alike</small>}
    </Link>
  );
}
