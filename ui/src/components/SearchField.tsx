import { useEffect, useRef, useState } from "react";
import { Icon } from "./Icon";
import styles from "./SearchField.module.css";

const TYPING_MILLISECONDS = 200;

interface SearchFieldProps {
  label: string;
  placeholder?: string;
  /** As wide as what it stands in. */
  isWide?: boolean;
  value: string;
  /** Called when typing pauses. */
  onChange: (text: string) => void;
}

/** A field for words to search for. What is typed shows at once, and is searched for when typing pauses. */
export function SearchField({ label, placeholder = label, isWide = false, value, onChange }: SearchFieldProps) {
  const [typed, setTyped] = useState(value);
  const [seen, setSeen] = useState(value);
  const [sent, setSent] = useState(value);
  const timer = useRef<number | undefined>(undefined);
  if (seen !== value) {
    setSeen(value);
    // Else it is what was typed here, and more may have been typed since.
    if (value !== sent) setTyped(value);
  }
  useEffect(() => () => window.clearTimeout(timer.current), []);
  const change = (text: string) => {
    setTyped(text);
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      setSent(text);
      onChange(text);
    }, TYPING_MILLISECONDS);
  };
  return (
    <label className={`${styles.field} ${isWide ? styles.wide : ""}`}>
      <Icon name="search" size={14} />
      <span className="visually-hidden">{label}</span>
      <input type="search" value={typed} placeholder={placeholder} onChange={(event) => change(event.target.value)} />
    </label>
  );
}
