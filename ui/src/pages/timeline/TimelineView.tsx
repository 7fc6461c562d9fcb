import { useQuery } from "@tanstack/react-query";
import { EmptyState, ErrorState, Skeleton } from "@/components/States";
import type { RunViewProps } from "@/app/selection";
import { Chart } from "./Chart";
import { timelineQuery, useLiveTimeline } from "./queries";
import styles from "./Timeline.module.css";

/** When the tasks of a run waited, started, worked and saved. */
export function TimelineView(props: RunViewProps) {
  const { flow, runId } = props;
  const { data: model, error, refetch } = useQuery(timelineQuery(flow, runId));
  useLiveTimeline(flow, runId);
  if (model === undefined) {
    if (error !== null)
      return <ErrorState error={error} title="The timeline cannot be shown" onRetry={() => void refetch()} />;
    return <Skeleton height="24rem" />;
  }
  if (model.columns.step.length === 0) {
    return (
      <EmptyState icon="waiting" title={model.isRunning ? "No task has started yet" : "No task was started"}>
        {model.isRunning
          ? "Tasks appear here as soon as they start."
          : "The run ended before its first task. Its record and its log say why."}
      </EmptyState>
    );
  }
  return (
    <div className={styles.view}>
      {error !== null && <p role="alert">What happened since cannot be read: {error.message}</p>}
      {model.notes.map((note) => (
        <p key={note} className={styles.note}>
          {note}
        </p>
      ))}
      {model.cut !== null && (
        <p className={styles.note}>
          The run has more than {model.cut.toLocaleString("en")} attempts; the rest is left out.
        </p>
      )}
      <Chart {...props} model={model} />
    </div>
  );
}
