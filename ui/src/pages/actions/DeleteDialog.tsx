import { useEffect, useRef, useState } from "react";
import { api } from "@/api/client";
import type { Deletion, DeletionPreview } from "@/api/schema";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { Skeleton } from "@/components/States";
import { StatusBadge, type Status } from "@/components/StatusBadge";
import { toast } from "@/components/Toasts";
import { Untrusted } from "@/components/Untrusted";
import { formatBytes, formatCount, plural } from "@/format/numbers";
import { useOperation, type Doing } from "./operation";
import { Fact, Note, Problem, RunName } from "./parts";
import type { RunReference } from "./RunActions";
import styles from "./Dialogs.module.css";

/** So many runs are deleted only by somebody who types the word. */
const MANY = 5;
const WORD = "delete";

interface DeleteDialogProps {
  runs: readonly RunReference[];
  onClose: () => void;
  onDone: () => void;
}

/** Shows what would go with runs, and deletes just that. */
export function DeleteDialog({ runs, onClose, onDone }: DeleteDialogProps) {
  const looking = useOperation();
  const { ask: look } = looking;
  const asked = useRef(false);
  const [word, setWord] = useState("");
  const deleting = useOperation((operation) => {
    if (operation.state === "done" && operation.deletion) {
      toast("done", told(operation.message, operation.deletion));
      onClose();
      onDone();
    }
  });
  useEffect(() => {
    // Once, also where effects run twice: a preview reads the whole datastore.
    if (asked.current) return;
    asked.current = true;
    look(() =>
      api.POST("/api/v1/actions/delete/preview", {
        body: { runs: runs.map(({ flow, runId }) => ({ flow, run_id: runId })) },
      }),
    );
  }, [look, runs]);
  const preview = looking.operation?.preview ?? null;
  const token = preview?.token ?? null;
  const close = () => {
    if (deleting.operation?.deletion?.deleted.length) onDone();
    onClose();
  };
  const confirm = () => {
    if (token !== null) deleting.ask(() => api.POST("/api/v1/actions/delete", { body: { preview: token } }));
  };
  const mustType = (preview?.run_count ?? 0) >= MANY;
  const canDelete = token !== null && !deleting.isGoing && deleting.operation === null && (!mustType || word === WORD);
  return (
    <Dialog
      title={runs.length === 1 ? "Delete this run?" : `Delete ${plural(runs.length, "run")}?`}
      onClose={close}
      actions={
        <>
          <Button onClick={close}>
            {token !== null && deleting.operation === null && !deleting.isGoing ? "Keep" : "Close"}
          </Button>
          {deleting.operation === null && preview?.token !== null && (
            <Button kind="danger" disabled={!canDelete} onClick={confirm}>
              {deleting.isGoing ? "Deleting…" : `Delete ${plural(preview?.run_count ?? runs.length, "run")} for good`}
            </Button>
          )}
        </>
      }
    >
      <div className={styles.stack}>
        <PreviewState looking={looking} />
        {preview !== null && <Preview preview={preview} note={looking.operation?.notes.at(-1)} />}
        {mustType && token !== null && deleting.operation === null && (
          <div className={styles.field}>
            <label htmlFor="confirm-deletion">Type “{WORD}” to go on</label>
            <input
              id="confirm-deletion"
              className={styles.input}
              autoComplete="off"
              value={word}
              onChange={(event) => setWord(event.target.value)}
            />
          </div>
        )}
        {deleting.error !== null && <Problem text={deleting.error} />}
        {deleting.operation?.state === "failed" && <Problem text={deleting.operation.message} />}
        <p role="status" className={styles.muted}>
          {deleting.isGoing && (deleting.operation?.notes.at(-1) ?? "Deleting…")}
        </p>
      </div>
    </Dialog>
  );
}

function told(message: string, deletion: Deletion): string {
  const later = deletion.bytes_later > 0 ? `; ${formatBytes(deletion.bytes_later)} more with a later clean-up` : "";
  return `${message} ${formatBytes(deletion.bytes)} freed${later}.`;
}

function PreviewState({ looking }: { looking: Doing }) {
  if (looking.error !== null) return <Problem text={looking.error} />;
  if (looking.operation?.state === "failed") return <Problem text={looking.operation.message} />;
  if (!looking.isGoing || looking.operation?.preview) return null;
  return (
    <>
      <p role="status" className={styles.muted}>
        Looking what would go… {looking.operation?.notes.at(-1)}
      </p>
      <Skeleton height="8rem" />
    </>
  );
}

function Preview({ preview, note }: { preview: DeletionPreview; note: string | undefined }) {
  const resumed = preview.runs.filter((run) => run.resumed_by.length > 0);
  return (
    <>
      {preview.token === null ? (
        <Note>Nothing of this can be deleted now.</Note>
      ) : (
        <>
          <div className={styles.facts}>
            <Fact value={`${formatBytes(preview.bytes)}${preview.is_counted ? "" : "+"}`} name="freed" />
            <Fact value={formatCount(preview.run_count)} name={preview.run_count === 1 ? "run" : "runs"} />
            <Fact
              value={`${formatCount(preview.task_count)}${preview.task_count_is_complete ? "" : "+"}`}
              name={preview.task_count === 1 ? "task" : "tasks"}
            />
            <Fact value={formatCount(preview.files)} name="files" />
          </div>
          <p>
            Records, artifacts, logs and cards go for good. What other runs need stays.
            {!preview.is_counted &&
              " Artifacts that no other run needs are still being counted; there is no need to wait."}
            {preview.bytes_later > 0 &&
              ` ${formatBytes(preview.bytes_later)} more will be freed by a later clean-up: they were saved a short time ago, or a run that goes on may need them.`}
          </p>
          {!preview.is_counted && (
            <p role="status" className={styles.muted}>
              Looking through the other runs… {note}
            </p>
          )}
        </>
      )}
      <GoingRuns preview={preview} />
      {resumed.length > 0 && (
        <Note>
          {plural(resumed.length, "run")} of these {resumed.length === 1 ? "was" : "were"} resumed: what the later runs
          took over stays theirs.
        </Note>
      )}
      {preview.unreadable.length > 0 && (
        <Note>
          No artifacts will be removed, because {plural(preview.unreadable.length, "manifest")} cannot be read, so that
          nobody knows which are needed: <code>metaflow verify</code> says which.
        </Note>
      )}
      <ProtectedRuns preview={preview} />
    </>
  );
}

function GoingRuns({ preview }: { preview: DeletionPreview }) {
  if (preview.runs.length === 0) return null;
  return (
    <ul className={styles.list} aria-label="Runs that would go">
      {preview.runs.map((run) => (
        <li key={`${run.flow}/${run.run_id}`}>
          <StatusBadge status={run.status as Status} compact />
          <RunName run={{ flow: run.flow, runId: run.run_id }} />
          <span className={styles.size}>{formatBytes(run.bytes)}</span>
        </li>
      ))}
      {preview.run_count > preview.runs.length && (
        <li className={styles.muted}>… and {formatCount(preview.run_count - preview.runs.length)} more</li>
      )}
    </ul>
  );
}

function ProtectedRuns({ preview }: { preview: DeletionPreview }) {
  if (preview.protected_count === 0) return null;
  return (
    <section className={styles.stack}>
      <h3>{plural(preview.protected_count, "run")} will stay</h3>
      <ul className={styles.list} aria-label="Runs that stay">
        {preview.protected.map((run) => (
          <li key={`${run.flow}/${run.run_id}`}>
            <RunName run={{ flow: run.flow, runId: run.run_id }} />
            <Untrusted text={run.reason} className={styles.why} />
          </li>
        ))}
        {preview.protected_count > preview.protected.length && (
          <li className={styles.muted}>… and {formatCount(preview.protected_count - preview.protected.length)} more</li>
        )}
      </ul>
    </section>
  );
}
