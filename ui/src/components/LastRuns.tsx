import { Link } from "@tanstack/react-router";
import { memo, type KeyboardEvent } from "react";
import type { PastRun } from "@/api/schema";
import { useNow } from "@/app/clock";
import { formatDuration } from "@/format/duration";
import { formatExactTime } from "@/format/time";
import { visible } from "@/format/untrusted";
import styles from "./LastRuns.module.css";
import { barHeights, MARK_HEIGHT, MARK_WIDTH, markPath, secondsOf } from "./lastRuns";
import { statusWord } from "./StatusBadge";

interface LastRunsProps {
  flow: string;
  /** Newest first. */
  runs: readonly PastRun[];
  /** The run of the page that is shown, if it is one of these. */
  current?: string;
  /** The view of the run's page that the links lead to. */
  view?: string | undefined;
}

/** The last runs of a flow, the newest at the right: as high as they took long, and of a shape for each status. */
export function LastRuns({ flow, runs, current, view }: LastRunsProps) {
  const now = useNow();
  const oldestFirst = runs.toReversed();
  const seconds = oldestFirst.map((run) => secondsOf(run, now));
  const heights = barHeights(seconds);
  const here = oldestFirst.findIndex((run) => run.run_id === current);
  const reachable = here < 0 ? oldestFirst.length - 1 : here;
  return (
    <div
      className={styles.runs}
      role="toolbar"
      aria-label={`Last runs of ${visible(flow)}`}
      tabIndex={-1}
      onKeyDown={move}
    >
      {oldestFirst.map((run, index) => (
        <Mark
          key={run.run_id}
          flow={flow}
          run={run}
          // What still runs has no length that a text could tell for long.
          took={run.finished_at === null ? null : (seconds[index] ?? null)}
          height={heights[index] ?? 0}
          isCurrent={index === here}
          isReachable={index === reachable}
          view={view}
        />
      ))}
    </div>
  );
}

/** Arrow keys go from run to run: they are one stop of the tabulator. */
function move(event: KeyboardEvent<HTMLDivElement>) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step === undefined || !(event.target instanceof HTMLElement)) return;
  event.preventDefault();
  const links = [...event.currentTarget.querySelectorAll("a")];
  links[links.indexOf(event.target as HTMLAnchorElement) + step]?.focus();
}

interface MarkProps {
  flow: string;
  run: PastRun;
  took: number | null;
  height: number;
  isCurrent: boolean;
  isReachable: boolean;
  view: string | undefined;
}

// There are hundreds of them on a page whose clock ticks.
const Mark = memo(function Mark({ flow, run, took, height, isCurrent, isReachable, view }: MarkProps) {
  const words = [
    statusWord(run.status),
    took === null ? "" : `took ${formatDuration(took)}`,
    `started ${formatExactTime(run.started_at).replace(/\.\d{3}/, "")}`,
    `run ${visible(run.run_id)}`,
  ];
  const text = words.filter(Boolean).join(", ");
  return (
    <Link
      to="/runs/$flow/$runId"
      params={{ flow, runId: run.run_id }}
      search={view === undefined ? {} : { view }}
      className={`${styles.run} ${styles[run.status]}`}
      title={text}
      aria-label={text}
      aria-current={isCurrent ? "page" : undefined}
      tabIndex={isReachable ? 0 : -1}
      preload={false}
    >
      <svg
        viewBox={`0 0 ${MARK_WIDTH} ${MARK_HEIGHT}`}
        width={MARK_WIDTH}
        height={MARK_HEIGHT}
        aria-hidden="true"
        focusable="false"
      >
        <path d={markPath(run.status, height)} />
      </svg>
    </Link>
  );
});
