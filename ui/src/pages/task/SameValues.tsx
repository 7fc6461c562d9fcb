import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { SameValues as Found } from "@/api/schema";
import { Button } from "@/components/Button";
import { ErrorState, Skeleton } from "@/components/States";
import { Time } from "@/components/Time";
import { Untrusted } from "@/components/Untrusted";
import { formatCount, plural } from "@/format/numbers";
import styles from "./SameValues.module.css";
import type { TaskAddress } from "./address";
import { sameValuesQuery } from "./queries";

const FEW = 6;

/** Who made a value, and where else it stands: in this run, and in the latest ones of the flow. */
export function SameValues({ task, attempt, name }: { task: TaskAddress; attempt: number; name: string }) {
  const query = useQuery(sameValuesQuery(task, attempt, name));
  return (
    <section className={styles.same} aria-label="The same value elsewhere">
      <h3>The same value</h3>
      {query.isError ? (
        <ErrorState title="It cannot be looked for" error={query.error} onRetry={() => void query.refetch()} />
      ) : query.data === undefined ? (
        <Skeleton lines={3} />
      ) : (
        <Holders task={task} found={query.data} />
      )}
    </section>
  );
}

function Holders({ task, found }: { task: TaskAddress; found: Found }) {
  const own = found.in_run.map((each) => ({ ...each, run_id: task.runId, started_at: null }));
  return (
    <>
      <p>
        {found.made_by === null ? (
          "Made by this attempt"
        ) : (
          <>
            Made by <TaskLink task={task} runId={task.runId} step={found.made_by.step} taskId={found.made_by.task_id} />
          </>
        )}
      </p>
      <Places
        task={task}
        name={found.name}
        title="In this run"
        none="in no other task of this run"
        holders={own}
        count={found.in_run_found}
        limits={found.all_tasks ? "" : `the latest ${plural(found.tasks_looked_at, "task")} looked at`}
      />
      <Places
        task={task}
        name={found.name}
        title="In other runs"
        none="in no other run of the flow"
        holders={found.in_runs}
        count={found.in_runs_found}
        limits={found.all_runs ? "" : `the latest ${plural(found.runs_looked_at, "run")} looked at`}
      />
    </>
  );
}

interface Holder {
  run_id: string;
  step: string;
  task_id: string;
  names: string[];
  started_at: number | null;
}

interface PlacesProps {
  task: TaskAddress;
  name: string;
  title: string;
  none: string;
  holders: readonly Holder[];
  count: number;
  /** What was not looked at; empty if that is nothing. */
  limits: string;
}

function Places({ task, name, title, none, holders, count, limits }: PlacesProps) {
  const [isWhole, setWhole] = useState(false);
  const note = limits === "" ? "" : ` (${limits})`;
  if (holders.length === 0) {
    return (
      <p className={styles.none}>
        Stands {none}
        {note}
      </p>
    );
  }
  const shown = isWhole ? holders : holders.slice(0, FEW);
  return (
    <div>
      <p>
        {title}: {plural(count, "task")}
        <span className={styles.none}>{note}</span>
      </p>
      <ul className={styles.places}>
        {shown.map((each) => (
          <li key={`${each.run_id}/${each.step}/${each.task_id}`}>
            <TaskLink task={task} runId={each.run_id} step={each.step} taskId={each.task_id} />
            {each.names.some((other) => other !== name) && (
              <span className={styles.none}>
                {" "}
                as <Untrusted text={each.names.join(", ")} />
              </span>
            )}
            {each.started_at !== null && (
              <span className={styles.none}>
                , <Time at={each.started_at} />
              </span>
            )}
          </li>
        ))}
      </ul>
      {holders.length > shown.length && (
        <Button kind="quiet" onClick={() => setWhole(true)}>
          Show {formatCount(holders.length - shown.length)} more
        </Button>
      )}
    </div>
  );
}

function TaskLink({ task, runId, step, taskId }: { task: TaskAddress; runId: string; step: string; taskId: string }) {
  return (
    <Link
      to="/runs/$flow/$runId/tasks/$step/$taskId"
      params={{ flow: task.flow, runId, step, taskId }}
      search={{ tab: "artifacts" }}
    >
      <Untrusted text={runId === task.runId ? `${step}/${taskId}` : `${runId}/${step}/${taskId}`} />
    </Link>
  );
}
