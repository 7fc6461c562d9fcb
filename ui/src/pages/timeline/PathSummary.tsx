import type { CriticalPath } from "@/api/schema";
import type { Selection } from "@/app/selection";
import { ErrorState } from "@/components/States";
import { Untrusted } from "@/components/Untrusted";
import { formatDuration } from "@/format/duration";
import { plural } from "@/format/numbers";
import { PHASE_HINTS, PHASE_WORDS } from "./describe";
import { PHASES, type TimelineModel } from "./model";
import styles from "./Timeline.module.css";

interface PathSummaryProps {
  model: TimelineModel;
  path: CriticalPath | undefined;
  error: Error | null;
  onSelect: (selection: Selection) => void;
}

/** Most attempts of the path that are listed. */
const LISTED = 30;

/** What the time along the critical path went to, and which attempts are on it. */
export function PathSummary({ model, path, error, onSelect }: PathSummaryProps) {
  if (error !== null) return <ErrorState error={error} title="The critical path cannot be shown" />;
  if (path === undefined) return <div className={styles.path}>Looking for the critical path…</div>;
  const total = PHASES.reduce((sum, phase) => sum + path[phase], 0);
  const listed = path.attempts.slice(-LISTED);
  const left = path.attempts.length - listed.length;
  return (
    <section className={styles.path} aria-label="Critical path">
      <div className={styles.parts}>
        <strong>{formatDuration(total / 1000)}</strong>
        <span className={styles.bar} aria-hidden="true">
          {PHASES.filter((phase) => path[phase] > 0).map((phase) => (
            <span key={phase} className={styles[phase]} style={{ flexGrow: path[phase] }} />
          ))}
        </span>
        {PHASES.map((phase) => (
          <span key={phase} title={PHASE_HINTS[phase]} className={styles.part}>
            <span className={`${styles.swatch} ${styles[phase]}`} aria-hidden="true" />
            {PHASE_WORDS[phase]} {formatDuration(path[phase] / 1000)} ({share(path[phase], total)})
          </span>
        ))}
      </div>
      <ol className={styles.chain}>
        {left > 0 && <li className={styles.minor}>{plural(left, "attempt")} before</li>}
        {listed.map((each) => (
          <li key={`${each.step}/${each.task}/${each.attempt}`}>
            <button
              type="button"
              className={styles.link}
              title={PHASES.map((phase) => `${PHASE_WORDS[phase]} ${formatDuration(each[phase] / 1000)}`).join(", ")}
              onClick={() => onSelect({ step: each.step, taskId: each.task, attempt: each.attempt })}
            >
              <Untrusted text={each.step} /> {formatDuration((each.finished - each.started) / 1000)}
            </button>
          </li>
        ))}
        {model.isRunning && <li className={styles.minor}>so far</li>}
      </ol>
    </section>
  );
}

function share(part: number, total: number): string {
  return total === 0 ? "0 %" : `${Math.round((100 * part) / total)} %`;
}
