import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { RunDetails, RunStep } from "@/api/schema";
import { useNow } from "@/app/clock";
import { Panel } from "@/components/Panel";
import { EmptyState, ErrorState, Skeleton } from "@/components/States";
import { StatusBadge } from "@/components/StatusBadge";
import { Duration } from "@/components/Time";
import { Untrusted } from "@/components/Untrusted";
import { formatDuration } from "@/format/duration";
import { formatCount, plural } from "@/format/numbers";
import { stepsQuery } from "./queries";
import { searchOfTaskFilter, STATUSES } from "./search";
import { secondsLeft, stepsInOrder, type ShownStep } from "./steps";
import styles from "./StepsPanel.module.css";

interface StepsPanelProps {
  flow: string;
  runId: string;
  details: RunDetails;
}

/** Every step with how far it is, and how long its tasks took. */
export function StepsPanel({ flow, runId, details }: StepsPanelProps) {
  const query = useQuery(stepsQuery(flow, runId));
  const isRunning = details.run.status === "running";
  return (
    <Panel title={isRunning ? "Progress" : "Steps"}>
      {query.data === undefined ? (
        query.isError ? (
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        ) : (
          <Skeleton lines={Math.max(3, details.steps.length)} />
        )
      ) : (
        <Steps flow={flow} runId={runId} details={details} begun={query.data} isRunning={isRunning} />
      )}
    </Panel>
  );
}

function Steps(props: StepsPanelProps & { begun: readonly RunStep[]; isRunning: boolean }) {
  const { flow, runId, details, begun, isRunning } = props;
  const steps = stepsInOrder(details.steps, begun);
  if (steps.length === 0) {
    return (
      <EmptyState icon="waiting" title={isRunning ? "No task has started yet" : "No task has started"}>
        {isRunning ? "Steps appear here as soon as they begin." : "The run ended before its first step began."}
      </EmptyState>
    );
  }
  const longest = Math.max(...begun.map((step) => step.longest_seconds ?? 0), 0.001);
  return (
    <div className={styles.scroll}>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">Status</th>
            <th scope="col" className={styles.tasks}>
              Tasks
            </th>
            <th scope="col" className={styles.number}>
              Took
            </th>
            <th scope="col" className={styles.spread}>
              Per task <small>median, 95 %, longest</small>
            </th>
          </tr>
        </thead>
        <tbody>
          {steps.map((step) => (
            <StepRow key={step.step} flow={flow} runId={runId} step={step} longest={longest} isRunning={isRunning} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface StepRowProps {
  flow: string;
  runId: string;
  step: ShownStep;
  longest: number;
  isRunning: boolean;
}

function StepRow({ flow, runId, step, longest, isRunning }: StepRowProps) {
  const { begun } = step;
  return (
    <tr className={begun === undefined ? styles.waiting : undefined}>
      <th scope="row" title={step.declared?.description}>
        <Link
          to="/runs/$flow/$runId"
          params={{ flow, runId }}
          search={{ ...searchOfTaskFilter(tasksOf(step.step)), view: "tasks" }}
        >
          <Untrusted text={step.step} />
        </Link>
      </th>
      <td>
        {begun !== undefined ? (
          <StatusBadge status={begun.status} />
        ) : isRunning ? (
          <StatusBadge status="waiting" />
        ) : (
          <span className={styles.muted}>not reached</span>
        )}
      </td>
      <td>{begun !== undefined && <TaskCounts step={begun} isRunning={isRunning} />}</td>
      <td className={styles.number}>
        {begun !== undefined && <Duration from={begun.started_at} to={begun.finished_at} isRunning={isRunning} />}
      </td>
      <td className={styles.spread}>{begun !== undefined && <Spread step={begun} longest={longest} />}</td>
    </tr>
  );
}

function TaskCounts({ step, isRunning }: { step: RunStep; isRunning: boolean }) {
  const words = STATUSES.filter((status) => step.counts[status] > 0).map(
    (status) => `${formatCount(step.counts[status])} ${status}`,
  );
  const more = [
    step.cloned > 0 && `${formatCount(step.cloned)} taken over`,
    step.retried > 0 && `${formatCount(step.retried)} retried`,
  ];
  return (
    <div className={styles.counts}>
      {step.tasks > 1 && (
        <span className={styles.bar} aria-hidden="true">
          {STATUSES.toReversed().map(
            (status) =>
              step.counts[status] > 0 && (
                <span key={status} className={styles[status]} style={{ flexGrow: step.counts[status] }} />
              ),
          )}
        </span>
      )}
      <span className={styles.words}>
        {step.tasks === 1 && step.counts.done === 1 ? "1 task" : words.join(", ")}
        {more.filter(Boolean).map((each) => (
          <small key={String(each)}>{each}</small>
        ))}
        {isRunning && step.counts.running > 0 && <TimeLeft step={step} />}
      </span>
    </div>
  );
}

/** When a foreach that goes on will be over, if that can be told. */
function TimeLeft({ step }: { step: RunStep }) {
  const now = useNow();
  const left = secondsLeft(step, step.expected_tasks, now);
  if (step.expected_tasks === null || step.expected_tasks <= step.tasks) {
    return left === null ? null : <small>about {formatDuration(Math.ceil(left))} left</small>;
  }
  return (
    <small>
      of {plural(step.expected_tasks, "task")}
      {left !== null && `, about ${formatDuration(Math.ceil(left))} left at this pace`}
    </small>
  );
}

function Spread({ step, longest }: { step: RunStep; longest: number }) {
  const { median_seconds: median, p95_seconds: p95, longest_seconds: most } = step;
  if (median === null || p95 === null || most === null) return null;
  const width = (seconds: number) => `${Math.max(1, (100 * seconds) / longest)}%`;
  return (
    <span className={styles.times}>
      <span className={styles.times_bar} aria-hidden="true">
        <span className={styles.longest} style={{ width: width(most) }} />
        <span className={styles.p95} style={{ width: width(p95) }} />
        <span className={styles.median} style={{ width: width(median) }} />
      </span>
      <span className={styles.times_words}>
        {step.tasks === 1
          ? formatDuration(median)
          : [median, p95, most].map((seconds) => formatDuration(seconds)).join(" · ")}
      </span>
    </span>
  );
}

function tasksOf(step: string) {
  return { steps: [step], statuses: [], text: "", order: "started_at" as const, descending: false };
}
