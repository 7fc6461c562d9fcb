import { useEffect } from "react";
import { isForPage, useShortcuts, type ShortcutGroup } from "@/components/shortcuts";

const SHORTCUTS: ShortcutGroup = {
  title: "Runs",
  shortcuts: [
    { keys: ["j", "↓"], does: "Next run" },
    { keys: ["k", "↑"], does: "Previous run" },
    { keys: ["Home"], does: "First run" },
    { keys: ["Enter"], does: "Open the run" },
    { keys: ["x"], does: "Select the run" },
    { keys: ["Shift x"], does: "Select all up to the run" },
    { keys: ["c"], does: "Compare the selected runs" },
  ],
};

interface ListKeys {
  /** Keys of the runs that are loaded, in order. */
  order: readonly string[];
  active: string | null;
  setActive: (key: string | null) => void;
  onOpen: (key: string) => void;
  onToggle: (key: string, isRange: boolean) => void;
  onCompare: () => void;
  /** Let go of what is selected; false if there is nothing. */
  onClear: () => void;
}

/** The list by keyboard. */
export function useListKeys({ order, active, setActive, onOpen, onToggle, onCompare, onClear }: ListKeys): void {
  useShortcuts(SHORTCUTS);
  useEffect(() => {
    const act = (event: KeyboardEvent): boolean => {
      const place = active === null ? -1 : order.indexOf(active);
      switch (event.key) {
        case "j":
        case "ArrowDown":
          setActive(order[Math.min(place + 1, order.length - 1)] ?? null);
          return true;
        case "k":
        case "ArrowUp":
          setActive(order[Math.max(place - 1, 0)] ?? null);
          return true;
        case "Home":
          setActive(order[0] ?? null);
          return true;
        case "x":
        case "X":
          if (active !== null) onToggle(active, event.shiftKey);
          return active !== null;
        case "Enter":
          if (active !== null) onOpen(active);
          return active !== null;
        case "c":
          onCompare();
          return true;
        case "Escape":
          onClear();
          return false;
        default:
          return false;
      }
    };
    const press = (event: KeyboardEvent) => {
      if (!isForPage(event) || belongsElsewhere(event)) return;
      if (act(event)) event.preventDefault();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [order, active, setActive, onOpen, onToggle, onCompare, onClear]);
}

/** Whether what has the focus has a use of its own for the key: Enter on a link, arrows in a panel. */
function belongsElsewhere({ key, target }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (key === "Enter") return target.closest("a, button, input, summary") !== null;
  if (key.startsWith("Arrow") || key === "Home") {
    return target.closest("input, [role=dialog], [role=toolbar], [role=listbox]") !== null;
  }
  return false;
}
