import { useSyncExternalStore } from "react";

const NARROW = "(max-width: 40rem)";

function subscribe(watcher: () => void): () => void {
  const media = window.matchMedia(NARROW);
  media.addEventListener("change", watcher);
  return () => media.removeEventListener("change", watcher);
}

/** Whether the page is as narrow as a phone. */
export function useIsNarrow(): boolean {
  return useSyncExternalStore(subscribe, () => window.matchMedia(NARROW).matches);
}
