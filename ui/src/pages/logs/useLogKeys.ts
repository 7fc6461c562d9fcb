import { useEffect, useRef, type RefObject } from "react";
import { useShortcuts, type ShortcutGroup } from "@/components/shortcuts";

const SHORTCUTS: ShortcutGroup = {
  title: "Logs",
  shortcuts: [
    { keys: ["Ctrl F"], does: "Search in the logs" },
    { keys: ["F3"], does: "Next hit" },
    { keys: ["Shift F3"], does: "Hit before" },
  ],
};

interface LogKeys {
  field: RefObject<HTMLInputElement | null>;
  /** Where it goes on from hit to hit. */
  onStep?: (direction: 1 | -1) => void;
  /** What Escape does while the log fills the window; null while it does not. */
  onLeaveFull: (() => void) | null;
}

/** Keys of a page with a log: Ctrl-F looks in the log (once more: in the page), F3 goes on, Escape leaves. */
export function useLogKeys(keys: LogKeys): void {
  useShortcuts(SHORTCUTS);
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const { field, onStep, onLeaveFull } = latest.current;
      if (document.querySelector("dialog[open]") !== null) return;
      if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "f") {
        if (document.activeElement === field.current) return; // the browser's own search
        event.preventDefault();
        field.current?.focus();
        field.current?.select();
      } else if (event.key === "F3" && onStep !== undefined) {
        event.preventDefault();
        onStep(event.shiftKey ? -1 : 1);
      } else if (event.key === "Escape" && onLeaveFull !== null && !event.defaultPrevented) onLeaveFull();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}
