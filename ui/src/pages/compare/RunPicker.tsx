import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { ErrorState, Skeleton } from "@/components/States";
import { StatusBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import { toast } from "@/components/Toasts";
import { Untrusted } from "@/components/Untrusted";
import { plural } from "@/format/numbers";
import { runQuery } from "@/api/queries";
import { candidatesQuery, runBefore } from "./queries";
import { MOST_RUNS, pathspec, sameRun, type RunKey } from "./search";
import styles from "./ComparePage.module.css";

interface RunPickerProps {
  /** Runs that are compared already. */
  chosen: readonly RunKey[];
  onPick: (runs: RunKey[]) => void;
  onClose: () => void;
}

/** A dialog to choose runs: by what is typed, or the one before, or the last that succeeded. */
export function RunPicker({ chosen, onPick, onClose }: RunPickerProps) {
  const [text, setText] = useState("");
  const [picked, setPicked] = useState<RunKey[]>([]);
  const wanted = useDeferredValue(text.trim());
  const candidates = useQuery(candidatesQuery(wanted));
  const found = (candidates.data?.runs ?? [])
    .map((run) => ({ ...run, key: { flow: run.flow, runId: run.run_id } }))
    .filter(({ key }) => !chosen.some((each) => sameRun(each, key)));
  const room = MOST_RUNS - chosen.length;
  const toggle = (key: RunKey) =>
    setPicked((before) =>
      before.some((each) => sameRun(each, key))
        ? before.filter((each) => !sameRun(each, key))
        : [...before, key].slice(0, room),
    );
  return (
    <Dialog
      title="Add runs"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" disabled={picked.length === 0} onClick={() => onPick(picked)}>
            {picked.length === 0 ? "Add" : `Add ${plural(picked.length, "run")}`}
          </Button>
        </>
      }
    >
      <div className={styles.picker}>
        <QuickChoices chosen={chosen} onPick={onPick} />
        <input
          type="search"
          className={styles.search}
          placeholder="Flow, run id, user, tag, parameter"
          aria-label="Search runs"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        {candidates.isError ? (
          <ErrorState error={candidates.error} onRetry={() => void candidates.refetch()} />
        ) : candidates.data === undefined ? (
          <Skeleton lines={6} />
        ) : found.length === 0 ? (
          <p className={styles.muted}>No further run matches.</p>
        ) : (
          <ul className={styles.candidates} aria-label="Runs">
            {found.map(({ key, ...run }) => (
              <li key={pathspec(key)}>
                <label className={styles.candidate}>
                  <input
                    type="checkbox"
                    checked={picked.some((each) => sameRun(each, key))}
                    onChange={() => toggle(key)}
                  />
                  <StatusBadge status={run.status} compact />
                  <Untrusted text={pathspec(key)} className={styles.candidateName} />
                  <span className={styles.muted}>
                    <Time at={run.started_at} />
                  </span>
                </label>
              </li>
            ))}
          </ul>
        )}
      </div>
    </Dialog>
  );
}

/** The runs that people most often compare with. */
function QuickChoices({ chosen, onPick }: Pick<RunPickerProps, "chosen" | "onPick">) {
  const run = chosen[0];
  const record = useQuery({ ...runQuery(run?.flow ?? "", run?.runId ?? ""), enabled: run !== undefined });
  if (run === undefined || record.data === undefined) return null;
  const startedAt = record.data.started_at;
  const choose = async (successful: boolean) => {
    try {
      const found = await runBefore(run, startedAt, successful);
      if (found === null)
        toast("failed", successful ? "No earlier run of this flow succeeded." : "There is no earlier run.");
      else onPick(chosen.some((each) => sameRun(each, found)) ? [] : [found]);
    } catch (error) {
      toast("failed", error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <div className={styles.quick}>
      <Button onClick={() => void choose(false)}>Previous run</Button>
      <Button onClick={() => void choose(true)}>Last success</Button>
    </div>
  );
}
