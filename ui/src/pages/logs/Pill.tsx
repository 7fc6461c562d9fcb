import { Icon } from "@/components/Icon";
import { plural } from "@/format/numbers";
import styles from "./Pill.module.css";

/** Tells, while the end of a log is out of sight, that there is more; leads there. */
export function Pill({ lines, onClick }: { lines: number; onClick: () => void }) {
  return (
    <button type="button" className={styles.pill} onClick={onClick}>
      <Icon name="down" size={14} />
      {lines > 0 ? plural(lines, "new line") : "Follow the end"}
    </button>
  );
}
