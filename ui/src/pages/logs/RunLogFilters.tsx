import { visible } from "@/format/untrusted";
import { statusWord } from "@/components/StatusBadge";
import { flag, STATUSES, type RunLogFilter, type StreamChoice } from "./search";
import styles from "./RunLogs.module.css";

interface RunLogFiltersProps {
  stream: StreamChoice;
  filter: RunLogFilter;
  /** Steps that there are to choose from. */
  steps: readonly string[];
  onChange: (part: Record<string, string | undefined>) => void;
}

/** Of which tasks, and which stream, lines are shown and searched. */
export function RunLogFilters({ stream, filter, steps, onChange }: RunLogFiltersProps) {
  return (
    <div className={styles.filters}>
      <select
        className={styles.select}
        aria-label="Step"
        value={filter.steps[0] ?? ""}
        onChange={(event) => onChange({ logstep: event.target.value })}
      >
        <option value="">All steps</option>
        {steps.map((step) => (
          <option key={step} value={step}>
            {visible(step)}
          </option>
        ))}
      </select>
      <select
        className={styles.select}
        aria-label="State of the tasks"
        value={filter.statuses[0] ?? ""}
        onChange={(event) => onChange({ logstatus: event.target.value })}
      >
        <option value="">Any state</option>
        {STATUSES.map((status) => (
          <option key={status} value={status}>
            {statusWord(status)}
          </option>
        ))}
      </select>
      <select
        className={styles.select}
        aria-label="Stream"
        value={stream}
        onChange={(event) => onChange({ stream: event.target.value === "both" ? undefined : event.target.value })}
      >
        <option value="both">Both streams</option>
        <option value="stdout">stdout</option>
        <option value="stderr">stderr</option>
      </select>
      <label className={styles.toggle}>
        <input
          type="checkbox"
          checked={filter.latest}
          onChange={(event) => onChange({ latest: flag(event.target.checked) })}
        />
        Latest attempts only
      </label>
    </div>
  );
}
