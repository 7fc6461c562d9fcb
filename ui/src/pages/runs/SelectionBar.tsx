import { Button } from "@/components/Button";
import { plural } from "@/format/numbers";
import { RunActions, type RunReference } from "@/pages/actions/RunActions";
import styles from "./SelectionBar.module.css";

export const MOST_COMPARED = 50;

interface SelectionBarProps {
  runs: readonly RunReference[];
  onCompare: () => void;
  onClear: () => void;
}

/** What can be done with the runs that are selected. */
export function SelectionBar({ runs, onCompare, onClear }: SelectionBarProps) {
  const count = runs.length;
  const why = count < 2 ? "Select another run to compare with" : `At most ${MOST_COMPARED} runs can be compared`;
  const canCompare = count >= 2 && count <= MOST_COMPARED;
  return (
    <div className={styles.bar} role="region" aria-label="Selected runs">
      <p role="status">{plural(count, "run")} selected</p>
      <Button kind="primary" disabled={!canCompare} title={canCompare ? undefined : why} onClick={onCompare}>
        Compare
      </Button>
      <RunActions runs={runs} onDone={onClear} />
      <Button kind="quiet" className={styles.clear} onClick={onClear}>
        Clear
      </Button>
    </div>
  );
}
