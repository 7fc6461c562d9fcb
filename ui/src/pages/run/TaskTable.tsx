import { Link, useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useRef, type KeyboardEvent } from "react";
import type { Selection } from "@/app/selection";
import { Icon } from "@/components/Icon";
import { StatusBadge } from "@/components/StatusBadge";
import { Duration, Time } from "@/components/Time";
import { Untrusted } from "@/components/Untrusted";
import { formatDuration } from "@/format/duration";
import type { TaskRow } from "./queries";
import type { TaskFilter, TaskOrder } from "./search";
import { errorOf, foreachOf, taskKey } from "./tasks";
import styles from "./TaskTable.module.css";

const ROW_PIXELS = 32;
/** So many rows before the end, the next page is asked for. */
const AHEAD = 200;

interface TaskTableProps {
  flow: string;
  runId: string;
  tasks: readonly TaskRow[];
  /** How many there are in all; null if that is not known. */
  total: number | null;
  filter: TaskFilter;
  onFilter: (filter: TaskFilter) => void;
  selection: Selection | null;
  onSelect: (selection: Selection | null) => void;
  /** Called when the last rows come near. */
  onEnd: () => void;
}

const COLUMNS: readonly { title: string; order: TaskOrder | null; isNumber?: boolean }[] = [
  { title: "Status", order: "status" },
  { title: "Step", order: "step" },
  { title: "Task", order: null },
  { title: "Foreach", order: null },
  { title: "Started", order: "started_at" },
  { title: "Took", order: "duration", isNumber: true },
  { title: "Attempts", order: null, isNumber: true },
  { title: "Error", order: null },
];

/** Rows of tasks, of which only those exist that are seen. Arrow keys select, Enter opens. */
export function TaskTable(props: TaskTableProps) {
  const { flow, runId, tasks, total, filter, onFilter, selection, onSelect, onEnd } = props;
  const navigate = useNavigate();
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: tasks.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW_PIXELS,
    overscan: 12,
    initialRect: { width: 1000, height: 700 },
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= tasks.length - AHEAD) onEnd();
  }, [last, tasks.length, onEnd]);

  const selected =
    selection?.taskId === undefined
      ? -1
      : tasks.findIndex((row) => row.task.step === selection.step && row.task.task_id === selection.taskId);
  const wasBrought = useRef(false);
  // What another view has selected is brought into sight when the table opens.
  useEffect(() => {
    if (wasBrought.current) return;
    wasBrought.current = true;
    if (selected >= 0) virtual.scrollToIndex(selected, { align: "center" });
  }, [selected, virtual]);
  const choose = (index: number) => {
    const row = tasks[Math.max(0, Math.min(index, tasks.length - 1))];
    if (row === undefined) return;
    onSelect({ step: row.task.step, taskId: row.task.task_id });
    virtual.scrollToIndex(Math.max(0, Math.min(index, tasks.length - 1)));
  };
  const press = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor((scroll.current?.clientHeight ?? 320) / ROW_PIXELS) - 2);
    const target = {
      ArrowDown: selected + 1,
      ArrowUp: Math.max(0, selected - 1),
      PageDown: selected + page,
      PageUp: selected - page,
      Home: 0,
      End: tasks.length - 1,
    }[event.key];
    if (target !== undefined) {
      event.preventDefault();
      choose(target);
    } else if (event.key === "Enter" && event.target === event.currentTarget) {
      const row = tasks[selected];
      if (row === undefined) return;
      void navigate({
        to: "/runs/$flow/$runId/tasks/$step/$taskId",
        params: { flow, runId, step: row.task.step, taskId: row.task.task_id },
        search: {},
      });
    } else if (event.key === "Escape") onSelect(null);
  };
  return (
    <div
      ref={scroll}
      className={styles.scroll}
      role="grid"
      aria-label="Tasks"
      aria-rowcount={(total ?? tasks.length) + 1}
      aria-activedescendant={
        selected >= 0 && items.some((item) => item.index === selected) ? `task-${selected}` : undefined
      }
      tabIndex={0}
      onKeyDown={press}
    >
      <Head filter={filter} onFilter={onFilter} />
      <div role="rowgroup" className={styles.rows} style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const row = tasks[item.index];
          return (
            row !== undefined && (
              <Row
                key={taskKey(row.task)}
                flow={flow}
                runId={runId}
                row={row}
                index={item.index}
                start={item.start}
                isSelected={item.index === selected}
                onSelect={onSelect}
              />
            )
          );
        })}
      </div>
    </div>
  );
}

function Head({ filter, onFilter }: { filter: TaskFilter; onFilter: (filter: TaskFilter) => void }) {
  const sort = (order: TaskOrder) =>
    onFilter({ ...filter, order, descending: filter.order === order ? !filter.descending : order === "duration" });
  return (
    <div role="rowgroup" className={styles.head}>
      <div role="row" aria-rowindex={1} className={styles.row}>
        {COLUMNS.map(({ title, order, isNumber }) => {
          const isSorted = order !== null && order === filter.order;
          const direction = filter.descending ? "descending" : "ascending";
          return (
            <div
              key={title}
              role="columnheader"
              aria-sort={isSorted ? direction : undefined}
              className={isNumber === true ? styles.number : undefined}
            >
              {order === null ? (
                title
              ) : (
                <button type="button" className={styles.sort} onClick={() => sort(order)}>
                  {title}
                  {isSorted && <Icon name={filter.descending ? "down" : "up"} size={12} />}
                </button>
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

interface RowProps {
  flow: string;
  runId: string;
  row: TaskRow;
  index: number;
  start: number;
  isSelected: boolean;
  onSelect: (selection: Selection | null) => void;
}

const Row = memo(function Row({ flow, runId, row, index, start, isSelected, onSelect }: RowProps) {
  const { task } = row;
  const place = foreachOf(task);
  const error = errorOf(task);
  const isTakenOver = task.origin !== null;
  const { step, task_id: taskId } = task;
  return (
    <div
      id={`task-${index}`}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      className={`${styles.row} ${styles.body} ${isSelected ? styles.selected : ""}`}
      style={{ transform: `translateY(${start}px)` }}
      // Arrow keys of the grid do the same.
      onClick={() => onSelect({ step, taskId })}
      onKeyDown={() => undefined}
      tabIndex={-1}
    >
      <div role="gridcell">
        <StatusBadge status={row.status} />
      </div>
      <div role="gridcell" title={step}>
        <Untrusted text={step} />
      </div>
      <div role="gridcell">
        <Link to="/runs/$flow/$runId/tasks/$step/$taskId" params={{ flow, runId, step, taskId }} search={{}}>
          <Untrusted text={taskId} />
        </Link>
      </div>
      <div role="gridcell" title={place}>
        <Untrusted text={place} />
      </div>
      <div role="gridcell">
        <Time at={task.started_at} />
      </div>
      <div role="gridcell" className={styles.number}>
        {row.status === "running" ? (
          <Duration from={task.started_at} />
        ) : row.seconds === null || isTakenOver ? (
          "–"
        ) : (
          <span title={`${row.seconds.toFixed(3)} s`}>{formatDuration(row.seconds)}</span>
        )}
      </div>
      <div role="gridcell" className={styles.number}>
        {isTakenOver ? <span title={`taken over from ${task.origin ?? ""}`}>taken over</span> : task.attempt + 1}
      </div>
      <div role="gridcell" title={error} className={styles.error}>
        <Untrusted text={error} />
      </div>
    </div>
  );
});
