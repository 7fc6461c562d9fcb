import { useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useState } from "react";
import { Button } from "./Button";
import { fetchedPart, type FetchedPart } from "./fetchedPart";
import { Icon } from "./Icon";
import { isForPage, useShortcuts, type ShortcutGroup } from "./shortcuts";
import styles from "./Keyboard.module.css";
import { toast } from "./Toasts";

const CommandPalette = fetchedPart(async () => (await import("./CommandPalette")).CommandPalette);
const ShortcutsOverlay = fetchedPart(async () => (await import("./ShortcutsOverlay")).ShortcutsOverlay);

const PRELOAD_MILLISECONDS = 1_500;
const IS_APPLE = /Mac|iPhone|iPad/.test(navigator.userAgent);
const PALETTE_KEYS = IS_APPLE ? "⌘ K" : "Ctrl K";

/** Pages by the second of two keys: `g`, then this one. */
const PAGES: Readonly<
  Record<string, { keys: string; title: string; path: "/" | "/compare" | "/start" | "/activity" }>
> = {
  r: { keys: "g r", title: "runs", path: "/" },
  c: { keys: "g c", title: "comparisons", path: "/compare" },
  s: { keys: "g s", title: "starting a run", path: "/start" },
  a: { keys: "g a", title: "activity", path: "/activity" },
};
/** The field of a page that finds something on it. */
const FIND_FIELD = "#main [data-find], #main input[type=search]";
const SECOND_KEY_MILLISECONDS = 1_000;

const EVERYWHERE: ShortcutGroup = {
  title: "Everywhere",
  shortcuts: [
    { keys: [PALETTE_KEYS], does: "Go to anything, or do something" },
    { keys: ["/"], does: "Find on this page" },
    ...Object.values(PAGES).map(({ keys, title }) => ({ keys: [keys], does: `Go to ${title}` })),
    { keys: ["?"], does: "Show what the keyboard does" },
    { keys: ["Esc"], does: "Close what is open" },
  ],
};

/** What the keyboard opens on every page: the palette and the list of shortcuts; and a button for the palette. */
export function Keyboard() {
  const [open, setOpen] = useState<"palette" | "shortcuts" | null>(null);
  useShortcuts(EVERYWHERE);
  // Who opens the palette types at once: it is there before, but does not hold up the page.
  useEffect(() => {
    const timer = window.setTimeout(() => void CommandPalette.preload(), PRELOAD_MILLISECONDS);
    return () => window.clearTimeout(timer);
  }, []);
  const show = useCallback((what: "palette" | "shortcuts") => {
    const part: FetchedPart = what === "palette" ? CommandPalette : ShortcutsOverlay;
    void part.preload().then(() => {
      if (part.hasFailed()) toast("failed", "This could not be loaded from the server. Load the page again.");
      else setOpen(what);
    });
  }, []);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() === "k" && (event.metaKey || event.ctrlKey) && !event.altKey && !event.shiftKey) {
        event.preventDefault();
        if (open === "palette") setOpen(null);
        else show("palette");
      } else if (event.key === "?" && isForPage(event)) {
        event.preventDefault();
        show("shortcuts");
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [open, show]);
  usePageKeys();
  const close = () => setOpen(null);
  return (
    <>
      <Button
        kind="quiet"
        title={`Go to anything (${PALETTE_KEYS})`}
        aria-label="Go to anything"
        onClick={() => show("palette")}
      >
        <Icon name="search" />
        <kbd className={styles.keys}>{PALETTE_KEYS}</kbd>
      </Button>
      {open === "palette" && <CommandPalette onClose={close} onShortcuts={() => show("shortcuts")} />}
      {open === "shortcuts" && <ShortcutsOverlay onClose={close} />}
    </>
  );
}

/** `g` and a letter go to a page; `/` goes to the field that finds something on the page. */
function usePageKeys(): void {
  const navigate = useNavigate();
  useEffect(() => {
    let pressedAt = -Infinity;
    const press = (event: KeyboardEvent) => {
      if (!isForPage(event)) return;
      const page = event.timeStamp - pressedAt < SECOND_KEY_MILLISECONDS ? PAGES[event.key] : undefined;
      pressedAt = event.key === "g" ? event.timeStamp : -Infinity;
      const field = event.key === "/" ? document.querySelector<HTMLInputElement>(FIND_FIELD) : null;
      if (page !== undefined) void navigate({ to: page.path });
      else if (field !== null) {
        field.focus();
        field.select();
      } else return;
      // The letter is not one of the page's own keys, and does not get into the field.
      event.preventDefault();
      event.stopImmediatePropagation();
    };
    // Before the keys of the page.
    document.addEventListener("keydown", press, true);
    return () => document.removeEventListener("keydown", press, true);
  }, [navigate]);
}
