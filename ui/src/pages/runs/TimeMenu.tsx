import { useState, type SyntheticEvent } from "react";
import { Button } from "@/components/Button";
import { Popover } from "@/components/Popover";
import { dayAfter, isDay, timeText, type Filters } from "./filters";
import styles from "./FilterMenus.module.css";

const CHOICES: readonly (readonly [since: string, label: string])[] = [
  ["", "Any time"],
  ["1h", "Last hour"],
  ["today", "Today"],
  ["1d", "Last 24 hours"],
  ["7d", "Last 7 days"],
  ["30d", "Last 30 days"],
];

interface TimeMenuProps {
  filters: Filters;
  onChange: (filters: Filters) => void;
}

/** Choose when runs started. */
export function TimeMenu({ filters, onChange }: TimeMenuProps) {
  const isActive = filters.since !== "" || filters.until !== "";
  return (
    <Popover label={isActive ? capital(timeText(filters)) : "Time"} title="Filter by time" isActive={isActive}>
      {(close) => (
        <>
          <ul>
            {CHOICES.map(([since, label]) => {
              const isChosen = filters.since === since && filters.until === "";
              return (
                <li key={since}>
                  <button
                    type="button"
                    className={`${styles.button} ${isChosen ? styles.chosen : ""}`}
                    aria-pressed={isChosen}
                    onClick={() => {
                      onChange({ ...filters, since, until: "" });
                      close();
                    }}
                  >
                    {label}
                  </button>
                </li>
              );
            })}
          </ul>
          <Range
            filters={filters}
            onChange={(range) => {
              onChange(range);
              close();
            }}
          />
        </>
      )}
    </Popover>
  );
}

const DAY = /^\d{4}-\d\d-\d\d(T\d\d:\d\d)?/;

function Range({ filters, onChange }: TimeMenuProps) {
  const [since, setSince] = useState(forField(filters.since));
  const [until, setUntil] = useState(forField(isDay(filters.until) ? dayAfter(filters.until) : filters.until));
  const isWrong = since !== "" && until !== "" && since >= until;
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (!isWrong) onChange({ ...filters, since, until });
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <label className={styles.labelled}>
        Started from
        <input
          type="datetime-local"
          className={styles.field}
          value={since}
          onChange={(event) => setSince(event.target.value)}
        />
      </label>
      <label className={styles.labelled}>
        and before
        <input
          type="datetime-local"
          className={styles.field}
          value={until}
          onChange={(event) => setUntil(event.target.value)}
        />
      </label>
      <p className={styles.problem} role="status">
        {isWrong ? "The end must be after the beginning." : ""}
      </p>
      <Button type="submit" disabled={isWrong || (since === "" && until === "")}>
        Use this range
      </Button>
    </form>
  );
}

function forField(moment: string): string {
  if (!DAY.test(moment)) return "";
  return moment.includes("T") ? moment.slice(0, 16) : `${moment}T00:00`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
