import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { Button } from "./Button";
import { Icon, type IconName } from "./Icon";
import styles from "./Menu.module.css";

export interface MenuItem {
  key: string;
  icon: IconName;
  label: string;
  kind?: "danger";
  /** Why it cannot be chosen now. */
  disabled?: string | undefined;
  onSelect: () => void;
}

const KEYS: Record<string, (index: number, count: number) => number> = {
  ArrowDown: (index, count) => (index + 1) % count,
  ArrowUp: (index, count) => (index - 1 + count) % count,
  Home: () => 0,
  End: (_, count) => count - 1,
};

/** Pixels that a list may be wide. */
const WIDEST = 240;

/** A button that opens a list of things to do; arrow keys move in it, Escape closes it. */
export function Menu({
  label,
  items,
  children,
}: {
  label: string;
  items: readonly MenuItem[];
  /** What the button shows; three dots if nothing is given. */
  children?: ReactNode;
}) {
  const [open, setOpen] = useState(false);
  const [side, setSide] = useState<"start" | "end">("end");
  const root = useRef<HTMLDivElement>(null);
  const id = useId();
  useEffect(() => {
    if (!open) return undefined;
    root.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    const close = (event: Event) => {
      if (event.target instanceof Node && root.current?.contains(event.target) !== true) setOpen(false);
    };
    document.addEventListener("pointerdown", close);
    document.addEventListener("focusin", close);
    return () => {
      document.removeEventListener("pointerdown", close);
      document.removeEventListener("focusin", close);
    };
  }, [open]);
  const closeToButton = () => {
    setOpen(false);
    root.current?.querySelector<HTMLElement>("button")?.focus();
  };
  const move = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      closeToButton();
      return;
    }
    const next = KEYS[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const entries = [...(root.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
    entries[next(entries.indexOf(document.activeElement as HTMLElement), entries.length)]?.focus();
  };
  return (
    <div className={styles.root} ref={root}>
      <Button
        label={label}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => {
          // On a phone, what ends where the button ends may begin beyond the edge.
          setSide((root.current?.getBoundingClientRect().right ?? 0) < WIDEST ? "start" : "end");
          setOpen(!open);
        }}
      >
        {children ?? <Icon name="more" />}
      </Button>
      {open && (
        <div
          role="menu"
          id={id}
          aria-label={label}
          tabIndex={-1}
          className={`${styles.list} ${styles[side]}`}
          onKeyDown={move}
        >
          {items.map((item) => (
            <button
              key={item.key}
              type="button"
              role="menuitem"
              tabIndex={-1}
              aria-disabled={item.disabled !== undefined}
              title={item.disabled}
              className={`${styles.item} ${item.kind === "danger" ? styles.danger : ""}`}
              onClick={() => {
                if (item.disabled !== undefined) return;
                closeToButton();
                item.onSelect();
              }}
            >
              <Icon name={item.icon} size={14} />
              {item.label}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
