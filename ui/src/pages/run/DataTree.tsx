import { useState } from "react";
import { Button } from "@/components/Button";
import { Untrusted } from "@/components/Untrusted";
import { formatCount } from "@/format/numbers";
import { branchesOf, isBranch, summaryOf } from "./tree";
import styles from "./DataTree.module.css";

/** Entries of one level that are shown at once. */
const SHOWN = 100;
/** Levels that are open from the beginning. */
const OPEN_LEVELS = 2;

/** Nested data as a tree that opens and closes. */
export function DataTree({ data, level = 0 }: { data: unknown; level?: number }) {
  const [shown, setShown] = useState(SHOWN);
  if (!isBranch(data)) return <Leaf value={data} />;
  const entries = branchesOf(data);
  if (entries.length === 0) return <Leaf value={data} />;
  return (
    <ul className={styles.level}>
      {entries.slice(0, shown).map(([name, value]) => (
        <li key={name}>
          {isBranch(value) && branchesOf(value).length > 0 ? (
            <Branch name={name} value={value} level={level} />
          ) : (
            <span className={styles.entry}>
              <Untrusted text={name} className={styles.name} />
              <Leaf value={value} />
            </span>
          )}
        </li>
      ))}
      {entries.length > shown && (
        <li>
          <Button kind="quiet" onClick={() => setShown((before) => before + 10 * SHOWN)}>
            {formatCount(entries.length - shown)} more
          </Button>
        </li>
      )}
    </ul>
  );
}

function Branch({ name, value, level }: { name: string; value: object; level: number }) {
  const [isOpen, setOpen] = useState(level < OPEN_LEVELS);
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className={styles.summary}>
        <Untrusted text={name} className={styles.name} />
        {!isOpen && <span className={styles.closed}>{summaryOf(value)}</span>}
      </summary>
      {isOpen && <DataTree data={value} level={level + 1} />}
    </details>
  );
}

function Leaf({ value }: { value: unknown }) {
  return (
    <code className={styles.leaf}>
      <Untrusted text={JSON.stringify(value)} />
    </code>
  );
}
