import { useCallback, useMemo, useState } from "react";

/** Runs that are chosen, by their keys. */
export interface Selection {
  keys: ReadonlySet<string>;
  /** Choose a run, or let it go; `isRange`: all from the one that was last chosen to this one. */
  toggle: (key: string, isRange?: boolean) => void;
  setAll: (isChosen: boolean) => void;
}

/** Which runs of a list are chosen. */
export function useSelection(order: readonly string[]): Selection {
  const [keys, setKeys] = useState<ReadonlySet<string>>(new Set());
  const [last, setLast] = useState<string | null>(null);
  const toggle = useCallback(
    (key: string, isRange = false) => {
      setKeys(changed(keys, key, isRange ? last : null, order));
      setLast(key);
    },
    [keys, last, order],
  );
  const setAll = useCallback((isChosen: boolean) => setKeys(new Set(isChosen ? order : [])), [order]);
  return useMemo(() => ({ keys, toggle, setAll }), [keys, toggle, setAll]);
}

/** What is chosen after one was toggled, and those between it and `from` became as it is. */
export function changed(
  keys: ReadonlySet<string>,
  key: string,
  from: string | null,
  order: readonly string[],
): ReadonlySet<string> {
  const isChosen = !keys.has(key);
  const [start, end] = [order.indexOf(from ?? key), order.indexOf(key)].sort((a, b) => a - b);
  const range = start === undefined || end === undefined || start < 0 ? [key] : order.slice(start, end + 1);
  const after = new Set(keys);
  for (const each of range) {
    if (isChosen) after.add(each);
    else after.delete(each);
  }
  return after;
}
