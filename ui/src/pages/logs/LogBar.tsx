import { useState, type RefObject } from "react";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { toast } from "@/components/Toasts";
import { formatCount } from "@/format/numbers";
import type { LogPanelProps } from "./LogPanel";
import type { Times } from "./lineTime";
import type { Search } from "./logSearch";
import { isNothing } from "./logSearch";
import { setLogPreferences, useLogPreferences } from "./preferences";
import { flag, type StreamChoice } from "./search";
import { SearchField } from "./SearchField";
import { taskQuery } from "./taskLogSource";
import { copyLines } from "./copyLines";
import styles from "./LogBar.module.css";

interface LogBarProps extends LogPanelProps {
  field: RefObject<HTMLInputElement | null>;
  current: number | null;
  isFull: boolean;
  onFull: (full: boolean) => void;
  following: boolean;
  onFollow: (following: boolean) => void;
  onStep: (direction: 1 | -1) => void;
  onSearch: (search: Search) => void;
  onFirstError: () => Promise<boolean>;
}

/** The bar above a log: search, what is shown and how, and what to take away. */
export function LogBar(props: LogBarProps) {
  const { source, facts, search, onAddress } = props;
  const preferences = useLogPreferences();
  const searches = !isNothing(search);
  return (
    <header className={styles.bar}>
      <SearchField
        label="Search this log"
        search={search}
        onSearch={props.onSearch}
        onStep={props.onStep}
        field={props.field}
      />
      {searches && <Matches {...props} />}
      <div className={styles.controls}>
        <Choice
          label="Stream"
          value={source.name.stream}
          options={[
            ["both", `Both (${formatCount(facts.total_lines)})`],
            ["stdout", `stdout (${formatCount(facts.stdout_lines)})`],
            ["stderr", `stderr (${formatCount(facts.stderr_lines)})`],
          ]}
          onChange={(stream) => onAddress({ stream: stream === "both" ? undefined : stream }, false)}
        />
        <Choice
          label="Times"
          value={preferences.times}
          options={[
            ["off", "No times"],
            ["relative", "Since the start"],
            ["clock", "Time of day"],
          ]}
          onChange={(times: Times) => setLogPreferences({ times })}
        />
        <Choice
          label="Size of the text"
          value={preferences.size}
          options={[
            ["small", "Small"],
            ["normal", "Normal"],
            ["large", "Large"],
          ]}
          onChange={(size) => setLogPreferences({ size })}
        />
        <Toggle label="Wrap" isOn={preferences.wrap} onChange={(wrap) => setLogPreferences({ wrap })} />
        {props.state.live !== "over" && <Toggle label="Follow" isOn={props.following} onChange={props.onFollow} />}
        <FirstError onFirstError={props.onFirstError} />
        {props.selected !== null && (
          <Button onClick={() => void copyLines(source, props.selected)}>
            <Icon name="copy" size={14} />
            Copy {props.selected.last === props.selected.first ? "line" : "lines"}
          </Button>
        )}
        <DownloadLink source={source} times={preferences.times !== "off"} />
        <Button
          kind="quiet"
          label={props.isFull ? "Leave full screen" : "Full screen"}
          aria-pressed={props.isFull}
          onClick={() => props.onFull(!props.isFull)}
        >
          <Icon name={props.isFull ? "close" : "expand"} size={14} />
        </Button>
      </div>
    </header>
  );
}

function Matches({ found, current, only, onStep, onAddress }: LogBarProps) {
  const count = found.matches.length;
  const total = `${formatCount(count)}${found.isCut ? "+" : ""}`;
  const told =
    count === 0
      ? found.searching
        ? "Searching…"
        : "Nothing found"
      : current === null
        ? `${total} ${count === 1 ? "line" : "lines"}`
        : `${formatCount(current + 1)} of ${total}`;
  return (
    <div className={styles.matches}>
      <span role="status" className={found.error === null ? styles.count : styles.problem}>
        {found.error ?? `${told}${found.searching && count > 0 ? "…" : ""}`}
      </span>
      <Button kind="quiet" label="Match before (Shift+Enter)" disabled={count === 0} onClick={() => onStep(-1)}>
        <Icon name="up" size={14} />
      </Button>
      <Button kind="quiet" label="Next match (Enter)" disabled={count === 0} onClick={() => onStep(1)}>
        <Icon name="down" size={14} />
      </Button>
      <Toggle label="Only matches" isOn={only} onChange={(on) => onAddress({ only: flag(on) })} />
    </div>
  );
}

function FirstError({ onFirstError }: { onFirstError: () => Promise<boolean> }) {
  const [busy, setBusy] = useState(false);
  const look = () => {
    setBusy(true);
    onFirstError()
      .then(
        (found) => {
          if (!found) toast("done", "No line of this log looks like an error.");
        },
        (error: unknown) => toast("failed", error instanceof Error ? error.message : String(error)),
      )
      .finally(() => setBusy(false));
  };
  return (
    <Button onClick={look} disabled={busy}>
      <Icon name="warning" size={14} />
      First error
    </Button>
  );
}

function DownloadLink({ source, times }: { source: LogPanelProps["source"]; times: boolean }) {
  const query = new URLSearchParams({ stream: source.name.stream, times: String(times) });
  for (const [key, value] of Object.entries(taskQuery(source.name))) query.set(key, String(value));
  return (
    <a className={styles.link} href={`/api/v1/task/log/download?${query.toString()}`} download title="Download the log">
      <Icon name="download" size={14} />
      Download
    </a>
  );
}

function Toggle({ label, isOn, onChange }: { label: string; isOn: boolean; onChange: (on: boolean) => void }) {
  return (
    <label className={styles.toggle}>
      <input type="checkbox" checked={isOn} onChange={(event) => onChange(event.target.checked)} />
      {label}
    </label>
  );
}

function Choice<Value extends StreamChoice | Times | "small" | "normal" | "large">(props: {
  label: string;
  value: Value;
  options: readonly (readonly [Value, string])[];
  onChange: (value: Value) => void;
}) {
  return (
    <select
      aria-label={props.label}
      title={props.label}
      value={props.value}
      onChange={(event) => {
        const chosen = props.options.find(([value]) => value === event.target.value);
        if (chosen !== undefined) props.onChange(chosen[0]);
      }}
    >
      {props.options.map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  );
}
