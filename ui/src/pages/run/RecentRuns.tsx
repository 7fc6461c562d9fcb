import { Link } from "@tanstack/react-router";
import type { RunBrief } from "@/api/schema";
import { useNow } from "@/app/clock";
import { statusWord } from "@/components/StatusBadge";
import { formatDuration } from "@/format/duration";
import { formatRelativeTime } from "@/format/time";
import { visible } from "@/format/untrusted";
import styles from "./RecentRuns.module.css";
import { barHeights, durationOf } from "./recent";
import type { View } from "./search";

interface RecentRunsProps {
  flow: string;
  /** The run of the page. */
  runId: string;
  /** Newest first. */
  runs: readonly RunBrief[];
  view: View;
}

/** The last runs of a flow at a glance: a bar each, as high as it took long, the newest at the right. */
export function RecentRuns({ flow, runId, runs, view }: RecentRunsProps) {
  const now = useNow();
  const oldestFirst = runs.toReversed();
  const heights = barHeights(oldestFirst.map((run) => durationOf(run, now)));
  return (
    <ol className={styles.runs} aria-label="Last runs of the flow">
      {oldestFirst.map((run, index) => {
        const duration = durationOf(run, now);
        const words = [
          statusWord(run.status),
          duration === null ? "" : `in ${formatDuration(duration)}`,
          formatRelativeTime(run.started_at, now),
          `run ${visible(run.run_id)}`,
        ];
        const text = words.filter(Boolean).join(", ");
        return (
          <li key={run.run_id}>
            <Link
              to="/runs/$flow/$runId"
              params={{ flow, runId: run.run_id }}
              search={view === "overview" ? {} : { view }}
              className={styles.run}
              aria-current={run.run_id === runId ? "page" : undefined}
              aria-label={text}
              title={text}
            >
              <span
                className={`${styles.bar} ${styles[run.status]}`}
                style={{ height: `${Math.round((heights[index] ?? 0) * 100)}%` }}
              />
            </Link>
          </li>
        );
      })}
    </ol>
  );
}
