import { useEffect, useRef, useState, type KeyboardEvent, type RefObject } from "react";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { LEVELS, type Level, type Search } from "./logSearch";
import styles from "./SearchField.module.css";

interface SearchFieldProps {
  label: string;
  search: Search;
  onSearch: (search: Search) => void;
  /** Go to the next match, or to the one before. */
  onStep?: (direction: 1 | -1) => void;
  field: RefObject<HTMLInputElement | null>;
}

const DELAY_MILLISECONDS = 200;

/** What to look for in logs: a text or a pattern, or lines of a level. */
export function SearchField({ label, search, onSearch, onStep, field }: SearchFieldProps) {
  const [typed, setTyped] = useState(search.text);
  const [shown, setShown] = useState(search.text);
  if (shown !== search.text) {
    // It was changed elsewhere, such as by the browser's way back.
    setShown(search.text);
    setTyped(search.text);
  }
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  const apply = (text: string) => {
    window.clearTimeout(timer.current);
    setShown(text);
    onSearch({ ...search, text, level: text === "" ? search.level : null });
  };
  const change = (text: string) => {
    setTyped(text);
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => apply(text), DELAY_MILLISECONDS);
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === "Enter") {
      event.preventDefault();
      if (typed !== search.text) apply(typed);
      else onStep?.(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape" && (typed !== "" || search.level !== null)) {
      event.preventDefault();
      event.stopPropagation();
      setTyped("");
      window.clearTimeout(timer.current);
      setShown("");
      onSearch({ ...search, text: "", level: null });
    }
  };
  return (
    <div className={styles.search} role="search">
      <Icon name="search" size={14} />
      <input
        ref={field}
        data-find
        type="text"
        className={styles.input}
        aria-label={label}
        placeholder={label}
        value={typed}
        maxLength={1000}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => change(event.target.value)}
        onKeyDown={press}
      />
      <Toggle
        label="Upper and lower case differ"
        isOn={search.case}
        onChange={(on) => onSearch({ ...search, case: on })}
      >
        Aa
      </Toggle>
      <Toggle label="Regular expression" isOn={search.regex} onChange={(on) => onSearch({ ...search, regex: on })}>
        .*
      </Toggle>
      <select
        className={styles.level}
        aria-label="Lines of this level and above"
        value={search.level ?? ""}
        onChange={(event) =>
          onSearch({ ...search, text: "", level: event.target.value === "" ? null : (event.target.value as Level) })
        }
      >
        <option value="">Any level</option>
        {LEVELS.map((level) => (
          <option key={level} value={level}>
            {level === "error" ? "Errors" : `${level[0]?.toUpperCase() ?? ""}${level.slice(1)} and above`}
          </option>
        ))}
      </select>
    </div>
  );
}

function Toggle(props: { label: string; isOn: boolean; onChange: (on: boolean) => void; children: string }) {
  return (
    <Button
      kind="quiet"
      label={props.label}
      aria-pressed={props.isOn}
      className={props.isOn ? styles.on : styles.off}
      onClick={() => props.onChange(!props.isOn)}
    >
      <span aria-hidden="true">{props.children}</span>
    </Button>
  );
}
