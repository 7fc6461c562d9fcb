import type { KeyboardEvent } from "react";
import type { ShortcutGroup } from "@/components/shortcuts";
import type { Drawing } from "./drawing";
import type { Layout } from "./rows";

interface Context {
  layout: Layout;
  /** Place of the row that the keyboard is at; -1 for none. */
  active: number;
  setActive: (place: number) => void;
  select: (place: number) => void;
  open: (place: number) => void;
  toggle: (step: number) => void;
  clear: () => void;
  drawing: Drawing | null;
}

/** What they do while the rows have the focus. */
export const SHORTCUTS: ShortcutGroup = {
  title: "Timeline",
  shortcuts: [
    { keys: ["↓", "↑"], does: "Next row, row before" },
    { keys: ["→", "←"], does: "Unfold or fold a step" },
    { keys: ["Enter"], does: "Open the task" },
    { keys: ["Space"], does: "Select the row" },
    { keys: ["Shift ←", "Shift →"], does: "Earlier, later" },
    { keys: ["+", "-"], does: "Zoom" },
    { keys: ["0"], does: "Show all of it" },
  ],
};

const PAGE = 10;
const ZOOM = 1.5;
const PAN = 0.2;

/** What a key does in the part of time that is shown; false if it means nothing there. */
export function timeKey(key: string, drawing: Drawing | null): boolean {
  if (key === "+" || key === "=") drawing?.zoom(1 / ZOOM);
  else if (key === "-" || key === "_") drawing?.zoom(ZOOM);
  else if (key === "0" || key === "f") drawing?.show(null);
  else if (key === "ArrowLeft") drawing?.pan(-PAN);
  else if (key === "ArrowRight") drawing?.pan(PAN);
  else return false;
  return true;
}

/** What keys do in the rows. */
export function rowKeys(context: Context): (event: KeyboardEvent) => void {
  return (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { key } = event;
    const done = key.startsWith("Arrow") && event.shiftKey ? timeKey(key, context.drawing) : rowKey(key, context);
    if (!done && (key.startsWith("Arrow") || !timeKey(key, context.drawing))) return;
    event.preventDefault();
    event.stopPropagation(); // the page has keys of its own
  };
}

function rowKey(key: string, { layout, active, setActive, select, open, toggle, clear }: Context): boolean {
  const last = layout.rows.length - 1;
  const target = targetOf(key, active, last);
  if (target !== null) {
    setActive(Math.min(last, Math.max(0, target)));
    return true;
  }
  const row = layout.rows[active];
  if (row === undefined) return false;
  if (key === "Enter") open(active);
  else if (key === " ") select(active);
  else if (key === "Escape") clear();
  else if (key === "ArrowRight" && row.kind === "group" && !row.open) toggle(row.step);
  else if (key === "ArrowLeft" && row.kind === "group" && row.open) toggle(row.step);
  else if (key === "ArrowLeft" && (row.kind === "task" || row.kind === "more")) setActive(groupOf(layout, active));
  else return key === "ArrowLeft" || key === "ArrowRight";
  return true;
}

function targetOf(key: string, active: number, last: number): number | null {
  switch (key) {
    case "ArrowDown":
      return active + 1;
    case "ArrowUp":
      return active - 1;
    case "PageDown":
      return active + PAGE;
    case "PageUp":
      return active - PAGE;
    case "Home":
      return 0;
    case "End":
      return last;
    default:
      return null;
  }
}

function groupOf(layout: Layout, place: number): number {
  let group = place;
  while (group > 0 && layout.rows[group]?.kind !== "group") group -= 1;
  return group;
}
