import type { ReactNode } from "react";
import { useRef, type KeyboardEvent } from "react";
import styles from "./Tabs.module.css";

interface Tab<K extends string> {
  key: K;
  label: ReactNode;
}

interface TabsProps<K extends string> {
  label: string;
  tabs: readonly Tab<K>[];
  selected: K;
  onSelect: (key: K) => void;
  /** What stays at the top of the page together with the list of views, such as the title. */
  head?: ReactNode;
  children: ReactNode;
}

/** Views of which one is shown; arrow keys go from one to the next. */
export function Tabs<K extends string>({ label, tabs, selected, onSelect, head, children }: TabsProps<K>) {
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const index = tabs.findIndex((tab) => tab.key === selected);
    const next = tabs[(index + step + tabs.length) % tabs.length];
    if (next === undefined) return;
    onSelect(next.key);
    list.current?.querySelector<HTMLElement>(`[data-key="${next.key}"]`)?.focus();
  };
  const names = (
    <div role="tablist" aria-label={label} ref={list} className={styles.list} tabIndex={-1} onKeyDown={move}>
      {tabs.map((tab) => (
        <button
          key={tab.key}
          type="button"
          role="tab"
          id={`tab-${tab.key}`}
          data-key={tab.key}
          aria-selected={tab.key === selected}
          aria-controls={tab.key === selected ? `panel-${tab.key}` : undefined}
          tabIndex={tab.key === selected ? 0 : -1}
          className={styles.tab}
          onClick={() => onSelect(tab.key)}
        >
          {tab.label}
        </button>
      ))}
    </div>
  );
  return (
    <div className={styles.tabs}>
      {head === undefined ? (
        names
      ) : (
        <div className={styles.head}>
          {head}
          {names}
        </div>
      )}
      <div role="tabpanel" id={`panel-${selected}`} aria-labelledby={`tab-${selected}`} className={styles.panel}>
        {children}
      </div>
    </div>
  );
}
