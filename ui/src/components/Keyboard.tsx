import { Suspense, lazy, useEffect, useState } from "react";
import { Button } from "./Button";
import { Icon } from "./Icon";
import { isForPage, useShortcuts, type ShortcutGroup } from "./shortcuts";
import styles from "./Keyboard.module.css";

const loadPalette = () => import("./CommandPalette");
const CommandPalette = lazy(async () => ({ default: (await loadPalette()).CommandPalette }));
const ShortcutsOverlay = lazy(async () => ({ default: (await import("./ShortcutsOverlay")).ShortcutsOverlay }));

const PRELOAD_MILLISECONDS = 1_500;
const IS_APPLE = /Mac|iPhone|iPad/.test(navigator.userAgent);
const PALETTE_KEYS = IS_APPLE ? "⌘ K" : "Ctrl K";

const EVERYWHERE: ShortcutGroup = {
  title: "Everywhere",
  shortcuts: [
    { keys: [PALETTE_KEYS], does: "Go to anything" },
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
    // If the server is away just then, opening it loads it.
    const timer = window.setTimeout(() => void loadPalette().catch(() => undefined), PRELOAD_MILLISECONDS);
    return () => window.clearTimeout(timer);
  }, []);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() === "k" && (event.metaKey || event.ctrlKey) && !event.altKey && !event.shiftKey) {
        event.preventDefault();
        setOpen((before) => (before === "palette" ? null : "palette"));
      } else if (event.key === "?" && isForPage(event)) {
        event.preventDefault();
        setOpen("shortcuts");
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
  const close = () => setOpen(null);
  return (
    <>
      <Button
        kind="quiet"
        title={`Go to anything (${PALETTE_KEYS})`}
        aria-label="Go to anything"
        onClick={() => setOpen("palette")}
      >
        <Icon name="search" />
        <kbd className={styles.keys}>{PALETTE_KEYS}</kbd>
      </Button>
      <Suspense fallback={null}>
        {open === "palette" && <CommandPalette onClose={close} onShortcuts={() => setOpen("shortcuts")} />}
        {open === "shortcuts" && <ShortcutsOverlay onClose={close} />}
      </Suspense>
    </>
  );
}
