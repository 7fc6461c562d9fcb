import { useEffect, useRef, useState } from "react";
import type { RunStep } from "@/api/schema";
import { Icon } from "@/components/Icon";
import { statusWord } from "@/components/StatusBadge";
import { formatCount } from "@/format/numbers";
import { visible } from "@/format/untrusted";
import { STATUSES, type TaskFilter, type TaskStatus } from "./search";
import styles from "./TaskFilters.module.css";

const PAUSE_MILLISECONDS = 250;

interface TaskFiltersProps {
  filter: TaskFilter;
  steps: readonly RunStep[];
  onFilter: (filter: TaskFilter) => void;
}

/** Which tasks the table shows. */
export function TaskFilters({ filter, steps, onFilter }: TaskFiltersProps) {
  const counted = steps.filter((step) => filter.steps.length === 0 || filter.steps.includes(step.step));
  const countOf = (status: TaskStatus) => counted.reduce((total, step) => total + step.counts[status], 0);
  const toggle = (status: TaskStatus) => {
    const others = filter.statuses.filter((each) => each !== status);
    onFilter({ ...filter, statuses: others.length < filter.statuses.length ? others : [...others, status] });
  };
  return (
    <div className={styles.filters} role="search" aria-label="Which tasks">
      <label>
        <span className="visually-hidden">Step</span>
        <select
          className={styles.step}
          value={filter.steps.length === 1 ? filter.steps[0] : ""}
          onChange={(event) => onFilter({ ...filter, steps: event.target.value === "" ? [] : [event.target.value] })}
        >
          <option value="">{filter.steps.length > 1 ? `${filter.steps.length} steps` : "All steps"}</option>
          {steps.map((step) => (
            <option key={step.step} value={step.step}>
              {visible(step.step)} ({formatCount(step.tasks)})
            </option>
          ))}
        </select>
      </label>
      <div className={styles.statuses} role="group" aria-label="Status">
        {STATUSES.map((status) => {
          const count = countOf(status);
          const isOn = filter.statuses.includes(status);
          if (count === 0 && !isOn) return null;
          return (
            <button
              key={status}
              type="button"
              aria-pressed={isOn}
              className={`${styles.status} ${styles[status]}`}
              onClick={() => toggle(status)}
            >
              {statusWord(status)} <span>{formatCount(count)}</span>
            </button>
          );
        })}
      </div>
      <TextFilter text={filter.text} onText={(text) => onFilter({ ...filter, text })} />
    </div>
  );
}

function TextFilter({ text, onText }: { text: string; onText: (text: string) => void }) {
  const [typed, setTyped] = useState(text);
  const [applied, setApplied] = useState(text);
  const timer = useRef<number | undefined>(undefined);
  if (applied !== text) {
    // The address changed by itself: somebody went back, or cleared all filters.
    setApplied(text);
    setTyped(text);
  }
  useEffect(() => () => window.clearTimeout(timer.current), []);
  const change = (next: string) => {
    setTyped(next);
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      setApplied(next);
      onText(next);
    }, PAUSE_MILLISECONDS);
  };
  return (
    <label className={styles.text}>
      <Icon name="search" size={14} />
      <span className="visually-hidden">Foreach value, error, or id of a task</span>
      <input
        type="search"
        placeholder="Foreach value, error, id"
        value={typed}
        onChange={(event) => change(event.target.value)}
      />
    </label>
  );
}
