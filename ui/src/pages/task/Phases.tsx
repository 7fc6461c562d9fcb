import type { TaskState } from "@/api/schema";
import { useNow } from "@/app/clock";
import { formatDuration } from "@/format/duration";
import styles from "./Phases.module.css";
import { phasesOf } from "./phases";

const CLASSES = { waited: "waited", "start-up": "startUp", code: "code", saving: "saving" } as const;

/** What an attempt spent its time on. */
export function Phases({ task }: { task: TaskState }) {
  const now = useNow();
  const phases = phasesOf(task, now);
  if (phases.length === 0) return null;
  return (
    <div className={styles.phases}>
      <div className={styles.bar} aria-hidden="true">
        {phases.map((phase) => (
          <span
            key={phase.name}
            className={styles[CLASSES[phase.name]]}
            style={{ flexGrow: phase.share }}
            title={`${phase.name} ${formatDuration(phase.seconds)}`}
          />
        ))}
      </div>
      <ul aria-label="What the time was spent on">
        {phases.map((phase) => (
          <li key={phase.name}>
            <span className={`${styles.key} ${styles[CLASSES[phase.name]] ?? ""}`} />
            {phase.name} {formatDuration(phase.seconds)}
          </li>
        ))}
      </ul>
    </div>
  );
}
