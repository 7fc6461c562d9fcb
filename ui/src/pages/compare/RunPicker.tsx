import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { SearchField } from "@/components/SearchField";
import { ErrorState, Skeleton } from "@/components/States";
import { StatusBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import { Untrusted } from "@/components/Untrusted";
import { plural } from "@/format/numbers";
import { detailsQuery } from "@/pages/run/queries";
import { candidatesQuery } from "./queries";
import { MOST_RUNS, NO_RUN_BEFORE, NO_SUCCESS, pathspec, sameRun, type RunKey } from "./search";
import styles from "./ComparePage.module.css";

interface RunPickerProps {
  title: string;
  /** What is done with those that are picked, in a word. */
  verb: string;
  /** Runs that are compared already. */
  chosen: readonly RunKey[];
  onPick: (runs: RunKey[]) => void;
  onClose: () => void;
}

/** A dialog to choose runs: by what is typed, or the one before, or the last that succeeded. */
export function RunPicker({ title, verb, chosen, onPick, onClose }: RunPickerProps) {
  const [text, setText] = useState("");
  const [picked, setPicked] = useState<RunKey[]>([]);
  const wanted = text.trim();
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
      title={title}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" disabled={picked.length === 0} onClick={() => onPick(picked)}>
            {picked.length === 0 ? verb : `${verb} ${plural(picked.length, "run")}`}
          </Button>
        </>
      }
    >
      <div className={styles.picker}>
        <QuickChoices chosen={chosen} onPick={onPick} />
        <SearchField
          label="Search runs"
          placeholder="Flow, run id, user, tag, parameter"
          isWide
          value={text}
          onChange={setText}
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
  const details = useQuery({ ...detailsQuery(run?.flow ?? "", run?.runId ?? ""), enabled: run !== undefined });
  if (run === undefined || details.data === undefined) return null;
  const { previous, last_success: success } = details.data;
  const choice = (label: string, runId: string | null, whyNot: string) => {
    const found = runId === null ? null : { flow: run.flow, runId };
    const isChosen = found !== null && chosen.some((each) => sameRun(each, found));
    return (
      <Button
        disabled={found === null || isChosen}
        title={found === null ? whyNot : isChosen ? "It is among them" : undefined}
        onClick={() => found !== null && onPick([found])}
      >
        {label}
      </Button>
    );
  };
  return (
    <div className={styles.quick}>
      {choice("Run before", previous, NO_RUN_BEFORE)}
      {choice("Last success", success, NO_SUCCESS)}
    </div>
  );
}
