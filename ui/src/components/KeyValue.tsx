import type { ReactNode } from "react";
import styles from "./KeyValue.module.css";

/** Names and values, one a line. */
export function KeyValue({ entries }: { entries: readonly (readonly [name: ReactNode, value: ReactNode])[] }) {
  return (
    <dl className={styles.list}>
      {entries.map(([name, value], index) => (
        <div key={index} className={styles.entry}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
