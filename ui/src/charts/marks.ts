import type { KeyboardEvent } from "react";

/** A thing that a chart shows, such as a run. */
export interface Mark {
  key: string;
  /** Its name, as people know it. */
  name: string;
  /** What is told of it, beside its name. */
  facts: readonly (readonly [name: string, text: string])[];
  /** Whether it stands out, as a baseline does. */
  isMarked?: boolean;
  isFailed?: boolean;
}

/** A mark in words, for those who cannot see it. */
export function markWords(mark: Mark): string {
  const facts = mark.facts.map(([name, text]) => `${name} ${text}`).join(", ");
  return `${mark.name}${mark.isMarked === true ? " (baseline)" : ""}: ${facts}`;
}

/** Arrow keys go from mark to mark; gives the number of the one to go to, or null for any other key. */
export function nextMark(event: KeyboardEvent, current: number, count: number): number | null {
  const places: Record<string, number> = {
    ArrowRight: current + 1,
    ArrowDown: current + 1,
    ArrowLeft: current - 1,
    ArrowUp: current - 1,
    Home: 0,
    End: count - 1,
  };
  const next = places[event.key];
  return next === undefined || event.ctrlKey || event.metaKey || event.altKey
    ? null
    : Math.max(0, Math.min(count - 1, next));
}
