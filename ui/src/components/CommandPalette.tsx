import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useId, useLayoutEffect, useRef, useState, type KeyboardEvent } from "react";
import { api, body } from "@/api/client";
import { appQuery } from "@/api/queries";
import type { RunRow } from "@/api/schema";
import { toggleTheme } from "@/app/theme";
import styles from "./CommandPalette.module.css";
import { Icon } from "./Icon";
import { pageActions } from "./pageActions";
import { entriesOf, type Entry, type Target } from "./paletteEntries";
import { Untrusted } from "./Untrusted";

const TYPING_MILLISECONDS = 120;

interface CommandPaletteProps {
  onClose: () => void;
  onShortcuts: () => void;
}

/** Goes anywhere by typing: to runs, tasks, flows and pages by name or words, and to what can be done on the page. */
export function CommandPalette({ onClose, onShortcuts }: CommandPaletteProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const id = useId();
  const go = useGoing(onShortcuts);
  const entries = useEntries(text);
  const place = Math.min(chosen, entries.length - 1);
  // Closed before it is taken away, as then the browser gives the focus back.
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  useEffect(() => {
    document.getElementById(`${id}-${place}`)?.scrollIntoView({ block: "nearest" });
  }, [id, place]);
  const take = (entry: Entry | undefined) => {
    if (entry === undefined) return;
    onClose();
    go(entry.target);
  };
  const press = (event: KeyboardEvent) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move !== undefined) {
      event.preventDefault();
      setChosen((place + move + entries.length) % Math.max(1, entries.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      take(entries[place]);
    }
  };
  return (
    <dialog ref={dialog} className={styles.palette} aria-label="Go to" onClose={onClose}>
      <div className={styles.field}>
        <Icon name="search" />
        <input
          role="combobox"
          aria-label="Go to a run, a flow or a page"
          aria-expanded={entries.length > 0}
          aria-controls={`${id}-list`}
          aria-activedescendant={entries.length > 0 ? `${id}-${place}` : undefined}
          placeholder="Go to a run, a flow, Flow/run/step/task, or a page"
          autoComplete="off"
          spellCheck={false}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setChosen(0);
          }}
          onKeyDown={press}
        />
      </div>
      <div id={`${id}-list`} role="listbox" aria-label="Results" className={styles.list}>
        {entries.map((entry, index) => (
          <div
            key={entry.key}
            id={`${id}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === place}
            className={styles.entry}
            onPointerDown={(event) => {
              event.preventDefault();
              take(entry);
            }}
          >
            <span className={styles.group}>{entries[index - 1]?.group === entry.group ? "" : entry.group}</span>
            <Untrusted text={entry.label} className={styles.label} />
            <Untrusted text={entry.note} className={styles.note} />
          </div>
        ))}
      </div>
      {entries.length === 0 && <p className={styles.nothing}>Nothing is called so.</p>}
    </dialog>
  );
}

/** What a text leads to, as far as the server has answered. */
function useEntries(text: string): Entry[] {
  const [rested, setRested] = useState("");
  useEffect(() => {
    const timer = window.setTimeout(() => setRested(text.trim()), TYPING_MILLISECONDS);
    return () => window.clearTimeout(timer);
  }, [text]);
  // As it was when the palette opened.
  const [actions] = useState(pageActions);
  const app = useQuery(appQuery);
  const words = rested.replaceAll("/", " ");
  const runs = useQuery({
    queryKey: ["palette", "runs", words],
    queryFn: async ({ signal }) => {
      const query = { text: words, limit: 8 };
      return body(await api.GET("/api/v1/runs/find", { params: { query }, signal })).runs;
    },
    placeholderData: keepPreviousData,
  });
  const facets = useQuery({
    queryKey: ["palette", "flows", rested],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/runs/facets", { params: { query: { text: rested, limit: 5 } }, signal })),
    placeholderData: keepPreviousData,
  });
  const isCurrent = rested === text.trim() && !runs.isPlaceholderData;
  // Until the answer to what is typed has come, those of the last answer stand in that still fit.
  const found = isCurrent ? (runs.data ?? []) : (runs.data ?? []).filter((run) => isNamed(run, text));
  const canStart = app.data?.can_start === true;
  return entriesOf(text, { runs: found, facets: facets.data, canStart, actions });
}

function isNamed(run: RunRow, text: string): boolean {
  const name = `${run.flow}/${run.run_id}`.toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => name.includes(word));
}

function useGoing(onShortcuts: () => void): (target: Target) => void {
  const navigate = useNavigate();
  return (target) => {
    switch (target.kind) {
      case "run":
        void navigate({ to: "/runs/$flow/$runId", params: { flow: target.flow, runId: target.runId } });
        break;
      case "step": {
        const params = { flow: target.flow, runId: target.runId };
        void navigate({ to: "/runs/$flow/$runId", params, search: { step: target.step } });
        break;
      }
      case "task": {
        const { flow, runId, step, taskId } = target;
        void navigate({ to: "/runs/$flow/$runId/tasks/$step/$taskId", params: { flow, runId, step, taskId } });
        break;
      }
      case "flow":
        void navigate({ to: "/flows/$flow", params: { flow: target.flow } });
        break;
      case "runsOf":
        void navigate({ to: "/", search: { flow: target.flow } });
        break;
      case "startFlow":
        void navigate({ to: "/start/$flow", params: { flow: target.flow } });
        break;
      case "action":
        target.run();
        break;
      case "page":
        void navigate({ to: target.path });
        break;
      case "theme":
        toggleTheme();
        break;
      case "shortcuts":
        onShortcuts();
    }
  };
}
