import type { ReactNode } from "react";
import { Icon } from "@/components/Icon";
import { Untrusted } from "@/components/Untrusted";
import { visible } from "@/format/untrusted";
import type { RunReference } from "./RunActions";
import styles from "./Dialogs.module.css";

/** Something to know before going on. */
export function Note({ children }: { children: ReactNode }) {
  return (
    <div className={styles.note}>
      <Icon name="info" size={14} />
      <div>{children}</div>
    </div>
  );
}

/** What went wrong, and what to do. */
export function Problem({ text }: { text: string }) {
  return (
    <div className={styles.problem} role="alert">
      <Icon name="warning" size={14} />
      <Untrusted text={text} />
    </div>
  );
}

/** What a command printed. */
export function Output({ text, label }: { text: string; label: string }) {
  // A field, so that it can be reached and scrolled by keyboard.
  return <textarea className={styles.output} readOnly aria-label={label} value={visible(text)} rows={12} />;
}

/** A number and what it counts. */
export function Fact({ value, name }: { value: string; name: string }) {
  return (
    <div className={styles.fact}>
      <strong>{value}</strong>
      <span>{name}</span>
    </div>
  );
}

/** Flow and id of a run. */
export function RunName({ run }: { run: RunReference }) {
  return (
    <span className={styles.name}>
      <Untrusted text={run.flow} />/<Untrusted text={run.runId} />
    </span>
  );
}
