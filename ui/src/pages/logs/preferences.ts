import { useSyncExternalStore } from "react";
import type { Times } from "./lineTime";

/** How a person likes logs to be shown; kept in the browser. */
export interface LogPreferences {
  times: Times;
  wrap: boolean;
  size: "small" | "normal" | "large";
}

const KEY = "metaflow-logs";
const DEFAULT: LogPreferences = { times: "off", wrap: false, size: "small" };
const watchers = new Set<() => void>();
let preferences: LogPreferences | null = null;

/** Read what was kept; whatever makes no sense is as usual. */
export function parsePreferences(text: string | null): LogPreferences {
  let kept: unknown = null;
  try {
    kept = JSON.parse(text ?? "null");
  } catch {
    return DEFAULT;
  }
  if (typeof kept !== "object" || kept === null) return DEFAULT;
  const { times, wrap, size } = kept as Partial<Record<keyof LogPreferences, unknown>>;
  return {
    times: times === "relative" || times === "clock" ? times : "off",
    wrap: wrap === true,
    size: size === "normal" || size === "large" ? size : "small",
  };
}

function snapshot(): LogPreferences {
  preferences ??= parsePreferences(localStorage.getItem(KEY));
  return preferences;
}

export function setLogPreferences(part: Partial<LogPreferences>): void {
  preferences = { ...snapshot(), ...part };
  localStorage.setItem(KEY, JSON.stringify(preferences));
  for (const watcher of watchers) watcher();
}

export function useLogPreferences(): LogPreferences {
  return useSyncExternalStore((watcher) => {
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  }, snapshot);
}

/** Heights of a line in pixels, by the size of its letters; see LogPanel.module.css. */
export const ROW_HEIGHTS = { small: 18, normal: 20, large: 23 } as const;
