import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useCallback, useState } from "react";
import { ApiError } from "@/api/client";
import { useRunEvents, type LiveEvent } from "@/api/events";
import type { TaskFacts } from "@/api/schema";
import { useTitle } from "@/app/title";
import { EmptyState, ErrorState, Skeleton } from "@/components/States";
import { useKeys, useShortcuts, type ShortcutGroup } from "@/components/shortcuts";
import { Tabs } from "@/components/Tabs";
import { Untrusted } from "@/components/Untrusted";
import { TaskLogs } from "@/pages/logs/TaskLogs";
import { ArtifactsTab } from "./ArtifactsTab";
import { CardsTab } from "./CardsTab";
import { FailurePanel } from "./FailurePanel";
import { LineageTab } from "./LineageTab";
import { MetadataTab } from "./MetadataTab";
import { ResourcesTab } from "./ResourcesTab";
import { TaskHeader } from "./TaskHeader";
import styles from "./TaskPage.module.css";
import { countOf, firstTab, searchOfSibling, TABS, tabOf, type TaskAddress, type TaskTab } from "./address";
import { isAbout } from "./live";
import { taskKey, taskQuery } from "./queries";

const WORDS: Record<TaskTab, string> = {
  logs: "Logs",
  artifacts: "Artifacts",
  lineage: "Lineage",
  metadata: "Metadata",
  cards: "Cards",
  resources: "Resources",
};

const VIEWS = TABS.map((key) => ({ key, label: WORDS[key] }));

const SHORTCUTS: ShortcutGroup = {
  title: "Task",
  shortcuts: [
    { keys: ["["], does: "Task of the foreach before this one" },
    { keys: ["]"], does: "Task of the foreach after this one" },
    { keys: ["u"], does: "Up to the run" },
  ],
};

/** One task: its attempts, what it printed, left and used, and where that came from. */
export function TaskPage() {
  const { flow, runId, step, taskId } = useParams({ from: "/runs/$flow/$runId/tasks/$step/$taskId" });
  const search = useSearch({ strict: false });
  const task: TaskAddress = { flow, runId, step, taskId };
  const attempt = countOf(search, "attempt");
  const facts = useQuery(taskQuery(task, attempt));
  useLiveTask(flow, runId, step, taskId);
  useTitle(`${step}/${taskId}`, `${flow}/${runId}`);
  if (facts.isError && facts.data === undefined) {
    return <NoTask task={task} error={facts.error} onRetry={() => void facts.refetch()} />;
  }
  if (facts.data === undefined) return <TaskSkeleton />;
  return <TaskView key={`${step}/${taskId}`} task={task} facts={facts.data} />;
}

function TaskView({ task, facts }: { task: TaskAddress; facts: TaskFacts }) {
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const { attempt, status } = facts.task;
  // As it was when the page was opened: who watches the log of a task keeps it before them when the task ends.
  const [first] = useState(() => firstTab(status));
  const tab = tabOf(search) ?? first;
  const select = (key: TaskTab) =>
    void navigate({ to: ".", search: (before) => ({ ...before, tab: key }), replace: true, resetScroll: false });
  useTaskKeys(task, facts.siblings);
  return (
    <div className={styles.page}>
      <TaskHeader task={task} facts={facts} />
      {facts.failure !== null && <FailurePanel failure={facts.failure} attempts={facts.attempts} attempt={attempt} />}
      <Tabs of="Task" tabs={VIEWS} selected={tab} onSelect={select}>
        {/* Each attempt of each task is a view of its own: nothing of one is kept for another. */}
        <TabContent key={`${task.step}/${task.taskId}/${attempt}`} tab={tab} task={task} facts={facts} />
      </Tabs>
    </div>
  );
}

/** To the neighbours in the foreach, in the same view, and up to the run. */
function useTaskKeys({ flow, runId }: TaskAddress, { previous, next }: TaskFacts["siblings"]): void {
  const navigate = useNavigate();
  const visit = (sibling: TaskFacts["siblings"]["next"]) => {
    if (sibling === null) return;
    void navigate({
      to: "/runs/$flow/$runId/tasks/$step/$taskId",
      params: { flow, runId, step: sibling.step, taskId: sibling.task_id },
      search: searchOfSibling,
    });
  };
  useShortcuts(SHORTCUTS);
  useKeys({
    "[": () => visit(previous),
    "]": () => visit(next),
    u: () => void navigate({ to: "/runs/$flow/$runId", params: { flow, runId } }),
  });
}

function TabContent({ tab, task, facts }: { tab: TaskTab; task: TaskAddress; facts: TaskFacts }) {
  const { attempt, status, started_at: startedAt } = facts.task;
  const isRunning = status === "running";
  switch (tab) {
    case "logs":
      return <TaskLogs {...task} attempt={attempt} isRunning={isRunning} startedAt={startedAt} />;
    case "artifacts":
      return <ArtifactsTab task={task} attempt={attempt} isRunning={isRunning} />;
    case "lineage":
      return <LineageTab task={task} attempt={attempt} />;
    case "metadata":
      return <MetadataTab task={task} attempts={facts.attempts.length} />;
    case "cards":
      return <CardsTab task={task} attempt={attempt} isRunning={isRunning} />;
    case "resources":
      return <ResourcesTab task={task} attempt={attempt} isRunning={isRunning} />;
  }
}

/** Read again what events say has changed; everything about the task when events were missed. */
function useLiveTask(flow: string, runId: string, step: string, taskId: string): void {
  const client = useQueryClient();
  const refresh = useCallback(() => {
    void client.invalidateQueries({ queryKey: taskKey({ flow, runId, step, taskId }) });
  }, [client, flow, runId, step, taskId]);
  const listener = useCallback(
    (events: LiveEvent[]) => {
      if (events.some((event) => isAbout(event, step, taskId))) refresh();
    },
    [refresh, step, taskId],
  );
  useRunEvents(flow, runId, listener, refresh);
}

/** The task is not there, or nothing can be read of it: there is a way to its run. */
function NoTask({ task, error, onRetry }: { task: TaskAddress; error: Error; onRetry: () => void }) {
  if (!(error instanceof ApiError) || error.status !== 404) {
    return <ErrorState title="The task cannot be shown" error={error} onRetry={onRetry} />;
  }
  return (
    <EmptyState isPage icon="search" title="There is no such task here">
      <p>
        <Untrusted text={error.message} />
      </p>
      <p>
        <Link to="/runs/$flow/$runId" params={{ flow: task.flow, runId: task.runId }}>
          The run <Untrusted text={`${task.flow}/${task.runId}`} />
        </Link>
        <Link to="/">All runs</Link>
      </p>
    </EmptyState>
  );
}

function TaskSkeleton() {
  return (
    <div className={styles.page} aria-busy="true" aria-label="The task is being read">
      <Skeleton height="1.25rem" />
      <Skeleton height="4.5rem" />
      <Skeleton height="2.25rem" />
      <Skeleton lines={10} />
    </div>
  );
}
