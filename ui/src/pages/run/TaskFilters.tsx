import type { RunStep } from "@/api/schema";
import { SearchField } from "@/components/SearchField";
import { statusWord } from "@/components/StatusBadge";
import { formatCount } from "@/format/numbers";
import { visible } from "@/format/untrusted";
import { STATUSES, type TaskFilter, type TaskStatus } from "./search";
import styles from "./TaskFilters.module.css";

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
      <SearchField
        label="Foreach value, error, or id of a task"
        placeholder="Foreach value, error, id"
        value={filter.text}
        onChange={(text) => onFilter({ ...filter, text })}
      />
    </div>
  );
}
