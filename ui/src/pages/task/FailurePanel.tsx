import type { TaskAttempt, TaskFailure } from "@/api/schema";
import { CopyButton } from "@/components/CopyButton";
import { Icon } from "@/components/Icon";
import { ScrollRegion } from "@/components/ScrollRegion";
import { Untrusted } from "@/components/Untrusted";
import styles from "./FailurePanel.module.css";

interface FailurePanelProps {
  failure: TaskFailure;
  attempts: readonly TaskAttempt[];
  attempt: number;
}

/** What ended an attempt: above everything else. */
export function FailurePanel({ failure, attempts, attempt }: FailurePanelProps) {
  const kind = failure.kind.replace(/^builtins\./, "").replace(/^metaflow\.exception\./, "");
  const later = attempts.find((each) => each.attempt > attempt && each.success);
  const shown = kind === "MetaflowException" || kind === "" ? failure.message : `${kind}: ${failure.message}`;
  return (
    <section className={failure.handled ? styles.handled : styles.failure} aria-labelledby="failure">
      <header className={styles.header}>
        <Icon name={failure.handled ? "warning" : "failed"} />
        <h2 id="failure" className={styles.message}>
          <Untrusted text={shown === "" ? "The attempt failed, and left no reason." : shown} />
        </h2>
        <CopyButton text={[shown, "", ...failure.lines].join("\n")} label="Copy the error" />
      </header>
      {later !== undefined && <p className={styles.note}>Attempt {later.attempt} succeeded after it.</p>}
      {failure.problem !== null && (
        <p className={styles.note}>
          <Untrusted text={failure.problem} />
        </p>
      )}
      {failure.lines.length > 0 && (
        <ScrollRegion label="What it printed last" className={styles.lines}>
          <pre>
            <Untrusted text={failure.lines.join("\n")} />
          </pre>
        </ScrollRegion>
      )}
    </section>
  );
}
