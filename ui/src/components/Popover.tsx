import { useEffect, useId, useRef, useState, type ReactNode } from "react";
import { Button } from "./Button";
import { Icon, type IconName } from "./Icon";
import styles from "./Popover.module.css";

interface PopoverProps {
  /** What the button says. */
  label: ReactNode;
  icon?: IconName;
  /** What screen readers say of the panel; also of the button, if its label is no text. */
  title: string;
  /** At which edge of the button the panel begins. */
  align?: "start" | "end";
  /** Whether something is set inside: the button shows it. */
  isActive?: boolean;
  /** The panel; `close` closes it. */
  children: (close: () => void) => ReactNode;
}

/** A button with a panel below it, which Escape, a click elsewhere or moving on closes. */
export function Popover({ label, icon, title, align = "start", isActive = false, children }: PopoverProps) {
  const [isOpen, setOpen] = useState(false);
  const place = useRef<HTMLDivElement>(null);
  const id = useId();
  const close = () => {
    setOpen(false);
    document.getElementById(`${id}-button`)?.focus();
  };
  useEffect(() => {
    if (!isOpen) return undefined;
    const leave = (event: Event) => {
      if (event.target instanceof Node && place.current?.contains(event.target) !== true) setOpen(false);
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      setOpen(false);
      place.current?.querySelector<HTMLElement>("button")?.focus();
    };
    document.addEventListener("keydown", escape);
    document.addEventListener("pointerdown", leave);
    document.addEventListener("focusin", leave);
    place.current?.querySelector<HTMLElement>("[data-first], [role=dialog] input, [role=dialog] button")?.focus();
    return () => {
      document.removeEventListener("keydown", escape);
      document.removeEventListener("pointerdown", leave);
      document.removeEventListener("focusin", leave);
    };
  }, [isOpen]);
  return (
    <div ref={place} className={styles.place}>
      <Button
        id={`${id}-button`}
        aria-expanded={isOpen}
        aria-haspopup="dialog"
        aria-controls={isOpen ? id : undefined}
        aria-label={typeof label === "string" ? undefined : title}
        className={isActive ? styles.active : undefined}
        onClick={() => setOpen(!isOpen)}
      >
        {icon !== undefined && <Icon name={icon} size={14} />}
        {label}
        <Icon name="down" size={12} />
      </Button>
      {isOpen && (
        <div id={id} role="dialog" aria-label={title} className={`${styles.panel} ${styles[align]}`}>
          {children(close)}
        </div>
      )}
    </div>
  );
}
