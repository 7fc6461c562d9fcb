import { useMemo, useRef, type KeyboardEvent, type ReactNode } from "react";
import { usePageActions } from "./pageActions";
import { useKeys, useShortcuts } from "./shortcuts";
import styles from "./Tabs.module.css";

interface Tab<K extends string> {
  key: K;
  label: string;
}

interface TabsProps<K extends string> {
  /** What these are views of, as a title. */
  of: string;
  tabs: readonly Tab<K>[];
  selected: K;
  onSelect: (key: K) => void;
  /** What stays at the top of the page together with the list of views, such as the title. */
  head?: ReactNode;
  children: ReactNode;
}

/** Views of which one is shown, each with a number as its key; arrow keys go from one to the next. */
export function Tabs<K extends string>({ of, tabs, selected, onSelect, head, children }: TabsProps<K>) {
  const list = useRef<HTMLDivElement>(null);
  useTabKeys(of, tabs, onSelect);
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
    <div
      role="tablist"
      aria-label={`Views of the ${of.toLowerCase()}`}
      ref={list}
      className={styles.list}
      tabIndex={-1}
      onKeyDown={move}
    >
      {tabs.map((tab, index) => (
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
          <kbd className={styles.key} aria-hidden="true">
            {index + 1}
          </kbd>
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

/** The numbers, told of in the list of shortcuts and offered by the palette. `tabs` must be the same each time. */
function useTabKeys<K extends string>(of: string, tabs: readonly Tab<K>[], onSelect: (key: K) => void): void {
  const group = useMemo(
    () => ({
      title: `Views of the ${of.toLowerCase()}`,
      shortcuts: tabs.map((tab, index) => ({ keys: [String(index + 1)], does: tab.label })),
    }),
    [of, tabs],
  );
  useShortcuts(group);
  useKeys(Object.fromEntries(tabs.map((tab, index) => [String(index + 1), () => onSelect(tab.key)])));
  usePageActions(
    tabs.map((tab, index) => ({
      label: tab.label,
      note: `of this ${of.toLowerCase()}, ${index + 1}`,
      run: () => onSelect(tab.key),
    })),
  );
}
