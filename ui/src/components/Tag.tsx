import type { ReactNode } from "react";
import { Untrusted } from "./Untrusted";
import styles from "./Tag.module.css";

/** A tag of a run; `children` are such as a button that removes it. */
export function Tag({ text, isSystem = false, children }: { text: string; isSystem?: boolean; children?: ReactNode }) {
  return (
    <span className={`${styles.tag} ${isSystem ? styles.system : ""}`} title={text}>
      <Untrusted text={text} />
      {children}
    </span>
  );
}
