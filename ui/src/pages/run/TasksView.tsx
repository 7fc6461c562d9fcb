import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import type { Search } from "@/app/search";
import type { RunViewProps } from "@/app/selection";
import { Button } from "@/components/Button";
import { EmptyState, ErrorState, Skeleton } from "@/components/States";
import { formatCount, plural } from "@/format/numbers";
import { detailsQuery, stepsQuery, tasksQuery } from "./queries";
import { searchOfTaskFilter, taskFilterOf, type TaskFilter } from "./search";
import { TaskFilters } from "./TaskFilters";
import { TaskTable } from "./TaskTable";
import styles from "./TasksView.module.css";

/** Every task of the run in a table, filtered and sorted by the server. */
export function TasksView({ flow, runId, selection, onSelect }: RunViewProps) {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const filter = taskFilterOf(search);
  const setFilter = useCallback(
    (next: TaskFilter) =>
      void navigate({
        to: ".",
        search: (before: Search) => ({ ...before, ...searchOfTaskFilter(next) }),
        replace: true,
      }),
    [navigate],
  );
  const details = useQuery(detailsQuery(flow, runId));
  const steps = useQuery(stepsQuery(flow, runId));
  const query = useInfiniteQuery(tasksQuery(flow, runId, filter));
  const tasks = useMemo(() => query.data?.pages.flatMap((page) => page.tasks) ?? [], [query.data]);
  const total = query.data?.pages[0]?.total ?? null;
  const { fetchNextPage, hasNextPage, isFetchingNextPage } = query;
  const onEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [fetchNextPage, hasNextPage, isFetchingNextPage]);

  if (query.data === undefined) {
    if (query.isError) {
      return <ErrorState error={query.error} title="Tasks cannot be listed" onRetry={() => void query.refetch()} />;
    }
    return <Skeleton lines={12} />;
  }
  const isFiltered = filter.steps.length > 0 || filter.statuses.length > 0 || filter.text !== "";
  return (
    <div className={styles.view}>
      <TaskFilters filter={filter} steps={steps.data ?? []} onFilter={setFilter} />
      <p className={styles.count} role="status">
        {total === null ? `${formatCount(tasks.length)} tasks and more` : plural(total, "task")}
        {query.isPlaceholderData && " …"}
        {query.isError && ` (out of date: ${query.error.message})`}
      </p>
      {tasks.length === 0 ? (
        <Nothing
          isFiltered={isFiltered}
          isRunning={details.data?.run.status === "running"}
          onClear={() => setFilter({ ...filter, steps: [], statuses: [], text: "" })}
        />
      ) : (
        <TaskTable
          flow={flow}
          runId={runId}
          tasks={tasks}
          total={total}
          filter={filter}
          onFilter={setFilter}
          selection={selection}
          onSelect={onSelect}
          onEnd={onEnd}
        />
      )}
    </div>
  );
}

function Nothing({ isFiltered, isRunning, onClear }: { isFiltered: boolean; isRunning: boolean; onClear: () => void }) {
  if (isFiltered) {
    return (
      <EmptyState icon="filter" title="No task is like that">
        <Button onClick={onClear}>Show all tasks</Button>
      </EmptyState>
    );
  }
  if (isRunning) {
    return (
      <EmptyState icon="waiting" title="No task has started yet">
        Tasks appear here as soon as they start.
      </EmptyState>
    );
  }
  return <EmptyState title="This run has no tasks">It ended before its first step began.</EmptyState>;
}
