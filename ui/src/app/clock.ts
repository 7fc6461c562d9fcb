import { useSyncExternalStore } from "react";

/** Differences below, in seconds, are those of a header of whole seconds and of the way that it comes. */
const NOTABLE_SECONDS = 3;

/** What the clocks of the machines where runs run are ahead of the reader's own, in seconds: as far as the server's. */
let ahead = 0;

/** Set the clock by an answer's header `Date`: else a run would take no time on a machine that is some minutes behind. */
export function setClock(date: string | null): void {
  const difference = Date.parse(date ?? "") / 1000 - Date.now() / 1000;
  if (Math.abs(difference - ahead) < NOTABLE_SECONDS || Number.isNaN(difference)) return;
  ahead = Math.abs(difference) < NOTABLE_SECONDS ? 0 : difference;
}

/** The present in seconds since the epoch, by the server's clock. */
export function present(): number {
  return Date.now() / 1000 + ahead;
}

// One clock for the whole page, so that times that are shown together change together.
let now = present();
let timer: number | undefined;
const watchers = new Set<() => void>();

function subscribe(watcher: () => void): () => void {
  // It stands still while nobody looks.
  if (watchers.size === 0) now = present();
  watchers.add(watcher);
  timer ??= window.setInterval(() => {
    now = present();
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
