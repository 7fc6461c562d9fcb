import type { ArtifactRow } from "@/api/schema";
import { Icon } from "@/components/Icon";
import { Untrusted } from "@/components/Untrusted";
import styles from "./ArtifactValue.module.css";

/** What an artifact is, in one line. */
export function ArtifactValue({ row }: { row: ArtifactRow }) {
  if (row.is_skipped) {
    return (
      <span className={styles.skipped} title={row.line}>
        <Icon name="warning" size={12} />
        <Untrusted text={row.line} />
      </span>
    );
  }
  return (
    <span className={styles.value} title={row.line}>
      {row.thumbnail !== null && <img className={styles.thumbnail} src={row.thumbnail} alt="" />}
      <Untrusted text={row.line} />
    </span>
  );
}
