import { useQuery } from "@tanstack/react-query";
import { useEffect, useId, useRef, useState, type KeyboardEvent, type RefObject } from "react";
import { Icon } from "@/components/Icon";
import { Untrusted } from "@/components/Untrusted";
import { completed, completionsOf, partOf, type Completion } from "./completions";
import type { Filters } from "./filters";
import { plainText, read, type KnownNames } from "./language";
import { facetsQuery } from "./queries";
import styles from "./SearchField.module.css";
import { useDelayed } from "./useDelayed";

const TYPING_MILLISECONDS = 180;

interface SearchFieldProps {
  filters: Filters;
  known: KnownNames;
  /** Show runs of other filters; `isTyping` while a text is being typed, which leaves no trace in the history. */
  onChange: (filters: Filters, isTyping: boolean) => void;
  /** Take away the last filter: Backspace in the empty field. */
  onRemoveLast: () => void;
  field: RefObject<HTMLInputElement | null>;
}

/** A field that understands `status:failed flow:Train lr>0.01 words`, and completes what is typed. */
export function SearchField({ filters, known, onChange, onRemoveLast, field }: SearchFieldProps) {
  const [text, setText] = useState(filters.text);
  const [caret, setCaret] = useState(text.length);
  const [isOpen, setOpen] = useState(false);
  const [chosen, setChosen] = useState(-1);
  const [problem, setProblem] = useState<string | null>(null);
  const [shownText, setShownText] = useState(filters.text);
  const id = useId();
  const typing = useRef<number | undefined>(undefined);

  // The address changed by something else than typing here: it is right.
  if (filters.text !== shownText) {
    setShownText(filters.text);
    if (filters.text !== plainText(text, known)) setText(filters.text);
  }
  useEffect(() => () => window.clearTimeout(typing.current), []);

  const part = useDelayed(partOf(text, caret), TYPING_MILLISECONDS);
  const facets = useQuery({ ...facetsQuery(part ?? "", 20), enabled: isOpen && part !== null });
  const completions = isOpen ? completionsOf(text, caret, facets.data) : [];

  const change = (next: string, place: number) => {
    setText(next);
    setCaret(place);
    setChosen(-1);
    setProblem(null);
    setOpen(true);
    window.clearTimeout(typing.current);
    typing.current = window.setTimeout(() => {
      const words = plainText(next, known);
      setShownText(words);
      onChange({ ...filters, text: words }, true);
    }, TYPING_MILLISECONDS);
  };
  const submit = (next: string) => {
    window.clearTimeout(typing.current);
    const reading = read(next, filters, known);
    const words = plainText(reading.rest, known);
    setText(reading.rest);
    setCaret(reading.rest.length);
    setChosen(-1);
    setProblem(reading.problem);
    setShownText(words);
    onChange({ ...reading.filters, text: words }, false);
  };
  const take = (completion: Completion) => {
    const [next, place] = completed(text, caret, completion);
    if (completion.isFinal) submit(next);
    else {
      change(next, place);
      window.requestAnimationFrame(() => field.current?.setSelectionRange(place, place));
    }
  };
  const press = (event: KeyboardEvent<HTMLInputElement>) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move !== undefined) {
      event.preventDefault();
      setOpen(true);
      if (completions.length > 0) setChosen(wrapped(chosen + move, completions.length));
    } else if ((event.key === "Enter" || event.key === "Tab") && completions[chosen] !== undefined) {
      event.preventDefault();
      take(completions[chosen]);
    } else if (event.key === "Enter") {
      // The beginning of a name stands for the only name that begins so.
      const only = completions.length === 1 && read(text, filters, known).problem !== null ? completions[0] : undefined;
      if (only !== undefined) take(only);
      else submit(text);
      setOpen(false);
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (isOpen) setOpen(false);
      else event.currentTarget.blur();
    } else if (event.key === "Backspace" && text === "") {
      onRemoveLast();
    }
  };
  return (
    <div className={styles.place}>
      <div className={styles.field}>
        <Icon name="search" size={14} />
        <input
          ref={field}
          data-find
          type="text"
          role="combobox"
          aria-label="Find runs"
          aria-expanded={completions.length > 0}
          aria-controls={`${id}-list`}
          aria-activedescendant={chosen >= 0 ? `${id}-${chosen}` : undefined}
          aria-autocomplete="list"
          aria-invalid={problem !== null}
          aria-describedby={`${id}-problem`}
          placeholder="status:failed  lr>0.01  or any words"
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          value={text}
          onChange={(event) => change(event.target.value, event.target.selectionStart ?? event.target.value.length)}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
          onFocus={() => setOpen(true)}
          onBlur={() => setOpen(false)}
          onKeyDown={press}
        />
        <kbd className={styles.hint} aria-hidden="true">
          /
        </kbd>
      </div>
      <Completions id={id} completions={completions} chosen={chosen} onTake={take} />
      <p id={`${id}-problem`} role="status" className={problem === null ? "visually-hidden" : styles.problem}>
        {problem}
      </p>
    </div>
  );
}

function wrapped(place: number, length: number): number {
  return place < -1 ? length - 1 : place >= length ? 0 : place === -1 ? length - 1 : place;
}

interface CompletionsProps {
  id: string;
  completions: readonly Completion[];
  chosen: number;
  onTake: (completion: Completion) => void;
}

function Completions({ id, completions, chosen, onTake }: CompletionsProps) {
  return (
    <div
      id={`${id}-list`}
      role="listbox"
      aria-label="Suggestions"
      className={styles.list}
      hidden={completions.length === 0}
    >
      {completions.map((completion, index) => (
        // Chosen with the keys of the field, which keeps the focus.
        <div
          key={completion.key}
          id={`${id}-${index}`}
          role="option"
          tabIndex={-1}
          aria-selected={index === chosen}
          className={styles.option}
          onPointerDown={(event) => {
            event.preventDefault();
            onTake(completion);
          }}
        >
          <Untrusted text={completion.label} className={styles.label} />
          <span className={styles.note}>{completion.note}</span>
        </div>
      ))}
    </div>
  );
}
