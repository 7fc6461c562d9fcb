import { Icon } from "./Icon";
import styles from "./StatusBadge.module.css";

export type Status = "running" | "done" | "failed" | "stopped" | "killed" | "caught" | "waiting";

const WORDS: Record<Status, string> = {
  running: "Running",
  done: "Done",
  failed: "Failed",
  stopped: "Stopped",
  killed: "Killed",
  caught: "Caught",
  waiting: "Waiting",
};

/** Words for a state, as people read them. */
export function statusWord(status: Status): string {
  return WORDS[status];
}

/** A state of a run, step or task by shape, colour and word; `compact` leaves the word to screen readers. */
export function StatusBadge({ status, compact = false }: { status: Status; compact?: boolean }) {
  const look = status === "killed" ? "stopped" : status;
  return (
    <span className={`${styles.badge} ${styles[look]} ${compact ? styles.compact : ""}`} title={WORDS[status]}>
      <span className={status === "running" ? styles.turning : styles.still}>
        <Icon name={look === "caught" ? "warning" : look} size={12} />
      </span>
      <span className={compact ? "visually-hidden" : undefined}>{WORDS[status]}</span>
    </span>
  );
}
