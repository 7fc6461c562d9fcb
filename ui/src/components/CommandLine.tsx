import { CopyButton } from "./CopyButton";
import { Untrusted } from "./Untrusted";
import styles from "./CommandLine.module.css";

/** A command to be copied into a terminal. */
export function CommandLine({ command, label = "Copy the command" }: { command: string; label?: string }) {
  return (
    <div className={styles.line}>
      {/* A region that scrolls must be reachable by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <code className={styles.command} tabIndex={0}>
        <Untrusted text={command} />
      </code>
      <CopyButton text={command} label={label} />
    </div>
  );
}
