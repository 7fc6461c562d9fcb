import { useSyncExternalStore } from "react";

// One clock for the whole page, so that times that are shown together change together.
let now = Date.now() / 1000;
let timer: number | undefined;
const watchers = new Set<() => void>();

function subscribe(watcher: () => void): () => void {
  // It stands still while nobody looks.
  if (watchers.size === 0) now = Date.now() / 1000;
  watchers.add(watcher);
  timer ??= window.setInterval(() => {
    now = Date.now() / 1000;
    for (const each of watchers) each();
  }, 1000);
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0) {
      window.clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The present in seconds since the epoch; changes once a second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}
