import { useState } from "react";
import { api } from "@/api/client";
import type { ActionOperation, CancelledRun } from "@/api/schema";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { StatusBadge, type Status } from "@/components/StatusBadge";
import { Untrusted } from "@/components/Untrusted";
import { plural } from "@/format/numbers";
import { useOperation } from "./operation";
import { Note, Problem, RunName } from "./parts";
import type { RunReference } from "./RunActions";
import styles from "./Dialogs.module.css";

interface CancelDialogProps {
  runs: readonly RunReference[];
  onClose: () => void;
  onDone: (() => void) | undefined;
}

/** Ends runs, and shows the end of each of their tasks as it is confirmed. */
export function CancelDialog({ runs, onClose, onDone }: CancelDialogProps) {
  const [isDone, setDone] = useState(false);
  const doing = useOperation(() => setDone(true));
  const cancel = () =>
    doing.ask(() =>
      api.POST("/api/v1/actions/cancel", {
        body: { runs: runs.map(({ flow, runId }) => ({ flow, run_id: runId })) },
      }),
    );
  const close = () => {
    if (isDone) onDone?.();
    onClose();
  };
  const isAsked = doing.isGoing || doing.operation !== null;
  const title = runs.length === 1 ? "Cancel this run?" : `Cancel ${plural(runs.length, "run")}?`;
  return (
    <Dialog
      title={doing.isGoing ? "Cancelling…" : (titleOf(doing.operation) ?? title)}
      onClose={close}
      actions={
        isAsked ? (
          <Button onClick={close}>{doing.isGoing ? "Go on in the background" : "Close"}</Button>
        ) : (
          <>
            <Button onClick={close}>Keep running</Button>
            <Button kind="danger" onClick={cancel}>
              {runs.length === 1 ? "Cancel the run" : `Cancel ${plural(runs.length, "run")}`}
            </Button>
          </>
        )
      }
    >
      <div className={styles.stack}>
        {!isAsked && <Question runs={runs} />}
        {doing.error !== null && <Problem text={doing.error} />}
        {doing.operation?.cancelled?.map((run) => (
          <CancelledRunState key={`${run.flow}/${run.run_id}`} run={run} />
        ))}
        <div role="status" aria-live="polite" className={styles.muted}>
          {doing.isGoing && (doing.operation?.notes.at(-1) ?? "The runs are asked to stop…")}
          {doing.operation !== null && !doing.isGoing && <Untrusted text={doing.operation.message} />}
        </div>
      </div>
    </Dialog>
  );
}

/** What came of it, in a word or two; undefined before there is an end. */
function titleOf(operation: ActionOperation | null): string | undefined {
  if (operation?.state === "failed") return operation.runs.length === 1 ? "Not cancelled" : "Not all is cancelled";
  if (operation?.cancelled?.every((run) => run.state === "had_ended") === true) return "Nothing to cancel";
  return operation === null ? undefined : "Cancelled";
}

function Question({ runs }: { runs: readonly RunReference[] }) {
  return (
    <>
      <p>
        {runs.length === 1 ? "The run and all of its tasks are" : "The runs and all of their tasks are"} stopped, on
        whatever machines they are. What was finished stays, so that {runs.length === 1 ? "it" : "they"} can be resumed.
      </p>
      <ul className={styles.list}>
        {runs.map((run) => (
          <li key={`${run.flow}/${run.runId}`}>
            <RunName run={run} />
          </li>
        ))}
      </ul>
      {runs.length > 1 && <Note>Runs that have ended already are left as they are.</Note>}
    </>
  );
}

const STATES: Record<CancelledRun["state"], Status> = {
  going: "running",
  ended: "stopped",
  had_ended: "done",
  goes_on: "running",
  failed: "failed",
};

function CancelledRunState({ run }: { run: CancelledRun }) {
  const ended = run.tasks.filter((task) => task.status !== "running").length;
  const shown = run.status === "running" || run.status === null ? STATES[run.state] : (run.status as Status);
  return (
    <section className={styles.stack}>
      <h3 className={styles.choice}>
        <StatusBadge status={shown} />
        <RunName run={{ flow: run.flow, runId: run.run_id }} />
      </h3>
      {run.message !== null && <Untrusted text={run.message} className={styles.muted} />}
      {run.task_count > 0 && (
        <p className={styles.muted}>
          {ended} of {plural(run.task_count, "task")} confirmed to have ended
        </p>
      )}
      {run.tasks.length > 0 && (
        <ul className={styles.list}>
          {run.tasks.map((task) => (
            <li key={`${task.task}/${task.attempt}`}>
              <Untrusted text={task.task} className={styles.name} />
              {task.place !== "" && <span className={styles.size}>on {task.place}</span>}
              <StatusBadge status={task.status === "never started" ? "stopped" : task.status} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
