import { useSyncExternalStore } from "react";

export interface ColumnSizes {
  /** Width of the names of rows, and of each run, in pixels. */
  name: number;
  run: number;
  /** Height of the line with the runs. */
  head: number;
  /** Whether there is room for the baseline to stay in sight. */
  pinsBaseline: boolean;
}

const WIDE: ColumnSizes = { name: 240, run: 200, head: 92, pinsBaseline: true };
const NARROW: ColumnSizes = { name: 104, run: 140, head: 112, pinsBaseline: false };
const QUERY = "(max-width: 40rem)";

function subscribe(watcher: () => void): () => void {
  const media = window.matchMedia(QUERY);
  media.addEventListener("change", watcher);
  return () => media.removeEventListener("change", watcher);
}

/** Sizes of the table's columns: phones have narrow ones. */
export function useColumnSizes(): ColumnSizes {
  return useSyncExternalStore(subscribe, () => (window.matchMedia(QUERY).matches ? NARROW : WIDE));
}
