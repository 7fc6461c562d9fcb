import { useSyncExternalStore } from "react";

type Theme = "light" | "dark";

const KEY = "metaflow-theme";
const SYSTEM_IS_DARK = "(prefers-color-scheme: dark)";
const watchers = new Set<() => void>();

/** What somebody chose; null for what the system has. */
function chosen(): Theme | null {
  const value = localStorage.getItem(KEY);
  return value === "light" || value === "dark" ? value : null;
}

function systems(): Theme {
  return window.matchMedia(SYSTEM_IS_DARK).matches ? "dark" : "light";
}

function isDark(): boolean {
  return (chosen() ?? systems()) === "dark";
}

/** Show the chosen theme; called before anything is drawn. */
export function applyTheme(): void {
  const theme = chosen();
  if (theme === null) delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** From dark to light or back. What the system has too is not held on to: the app follows the system again. */
export function toggleTheme(): void {
  const next = isDark() ? "light" : "dark";
  if (next === systems()) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, next);
  applyTheme();
  for (const watcher of watchers) watcher();
}

/** Whether the app is dark. Canvases draw again when somebody changes that, and when the system does. */
export function useIsDark(): boolean {
  return useSyncExternalStore((watcher) => {
    watchers.add(watcher);
    const media = window.matchMedia(SYSTEM_IS_DARK);
    media.addEventListener("change", watcher);
    return () => {
      watchers.delete(watcher);
      media.removeEventListener("change", watcher);
    };
  }, isDark);
}
