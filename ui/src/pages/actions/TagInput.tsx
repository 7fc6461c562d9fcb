import { useId, useState } from "react";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { Untrusted } from "@/components/Untrusted";
import styles from "./TagInput.module.css";

const LONGEST_TAG = 500;
/** Tags that are offered as buttons; the rest come as one types. */
const OFFERED = 6;

/** A field for a tag, with the tags that are known as completions; Enter adds it. */
export function TagInput({
  label,
  known,
  onAdd,
}: {
  label: string;
  known: readonly string[];
  onAdd: (tag: string) => void;
}) {
  const [text, setText] = useState("");
  const id = useId();
  const add = () => {
    const tag = text.trim();
    if (tag === "") return;
    onAdd(tag);
    setText("");
  };
  return (
    <div className={styles.root}>
      <label htmlFor={id}>{label}</label>
      <div className={styles.line}>
        <input
          id={id}
          className={styles.input}
          value={text}
          maxLength={LONGEST_TAG}
          list={`${id}-known`}
          autoComplete="off"
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault();
            add();
          }}
        />
        <Button onClick={add} disabled={text.trim() === ""}>
          <Icon name="plus" size={14} />
          Add
        </Button>
      </div>
      <datalist id={`${id}-known`}>
        {known.map((tag) => (
          <option key={tag} value={tag} />
        ))}
      </datalist>
      {known.length > 0 && (
        <div className={styles.offered} role="group" aria-label="Tags of other runs">
          {known.slice(0, OFFERED).map((tag) => (
            <Button key={tag} kind="quiet" className={styles.offer} onClick={() => onAdd(tag)}>
              <Icon name="plus" size={12} />
              <Untrusted text={tag} />
            </Button>
          ))}
        </div>
      )}
    </div>
  );
}
