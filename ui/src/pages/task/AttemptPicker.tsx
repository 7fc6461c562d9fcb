import { Link } from "@tanstack/react-router";
import type { TaskAttempt } from "@/api/schema";
import { Icon } from "@/components/Icon";
import { statusWord } from "@/components/StatusBadge";
import { Duration } from "@/components/Time";
import { visible } from "@/format/untrusted";
import styles from "./AttemptPicker.module.css";

/** All attempts of a task, each with how it went; one is shown. The latest one is what an address without one means. */
export function AttemptPicker({ attempts, selected }: { attempts: readonly TaskAttempt[]; selected: number }) {
  const latest = attempts.at(-1)?.attempt;
  return (
    <nav aria-label="Attempts" className={styles.attempts}>
      <ol>
        {attempts.map((each) => (
          <li key={each.attempt}>
            <Link
              to="."
              search={(before) => ({
                ...before,
                attempt: each.attempt === latest ? undefined : String(each.attempt),
                artifact: undefined,
              })}
              // An address that names no attempt is about the latest one.
              activeOptions={{ exact: true, includeSearch: true }}
              className={`${styles.attempt} ${each.attempt === selected ? styles.selected : ""}`}
              aria-current={each.attempt === selected ? "page" : undefined}
              title={each.error === null ? undefined : visible(`${each.error.kind}: ${each.error.message}`)}
            >
              <span className={styles[look(each)]}>
                <Icon name={look(each)} size={12} />
              </span>
              Attempt {each.attempt}
              <span className={styles.facts}>
                {statusWord(each.status).toLowerCase()},{" "}
                <Duration from={each.started_at} to={each.finished_at} isRunning={each.status === "running"} />
              </span>
            </Link>
          </li>
        ))}
      </ol>
    </nav>
  );
}

function look(attempt: TaskAttempt): "running" | "done" | "failed" | "stopped" {
  return attempt.status === "killed" ? "stopped" : attempt.status;
}
