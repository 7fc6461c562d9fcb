import { Icon, type IconName } from "@/components/Icon";
import { STATE_WORDS } from "./describe";
import type { State } from "./model";
import styles from "./Timeline.module.css";

const ICONS: Record<State, IconName> = {
  running: "running",
  done: "done",
  failed: "failed",
  killed: "stopped",
  cloned: "copy",
  caught: "warning",
};

/** A state by shape and colour; the word is beside it, or in the description of the row. */
export function StateMark({ state }: { state: State }) {
  return (
    <span className={`${styles.mark} ${styles[state]}`} title={STATE_WORDS[state]}>
      <Icon name={ICONS[state]} size={12} />
    </span>
  );
}
