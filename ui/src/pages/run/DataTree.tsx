import { useMemo, useState } from "react";
import { Button } from "@/components/Button";
import { Untrusted } from "@/components/Untrusted";
import { writeJson } from "@/format/json";
import { formatCount, plural } from "@/format/numbers";
import styles from "./DataTree.module.css";
import { branchesOf, isBranch, leafCounts, leavesOf } from "./tree";

/** Entries of one level that are there at once. */
const SHOWN = 1_000;
/** Data of more values than these is closed at first. */
const MOST_OPEN = 20;
/** Of data of more values than these, what is closed is made when it is opened. */
const MOST_MADE = 2_000;
/** Browsers cannot lay out elements in each other any number of times. */
const DEEPEST = 20;

interface Counted {
  counts: ReadonlyMap<object, number>;
  /** Whether there are too many values to have all of them on the page at once. */
  isLarge: boolean;
}

/**
 * Nested data as a tree that opens and closes. What is closed is there too, unless there is very much: a search in the
 * page finds it, and browsers open it then.
 */
export function DataTree({ data }: { data: unknown }) {
  const counted = useMemo(() => {
    const counts = leafCounts(data);
    return { counts, isLarge: leavesOf(data, counts) > MOST_MADE };
  }, [data]);
  if (!isBranch(data) || leavesOf(data, counted.counts) <= MOST_OPEN) {
    return <Level data={data} level={0} counted={counted} />;
  }
  return <Branch value={data} level={0} counted={counted} />;
}

function Level({ data, level, counted }: { data: unknown; level: number; counted: Counted }) {
  const [shown, setShown] = useState(SHOWN);
  const entries = useMemo(() => (isBranch(data) ? branchesOf(data) : []), [data]);
  if (entries.length === 0) return <Leaf value={data} />;
  return (
    <ul className={styles.level}>
      {entries.slice(0, shown).map(([name, value]) => (
        <li key={name}>
          {isBranch(value) && branchesOf(value).length > 0 && level < DEEPEST ? (
            <Branch name={name} value={value} level={level + 1} counted={counted} />
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
          <Button kind="quiet" onClick={() => setShown((before) => before + SHOWN)}>
            {formatCount(entries.length - shown)} more
          </Button>
        </li>
      )}
    </ul>
  );
}

/** What is in a branch, which is the whole if it has no name. */
function Branch({ name, value, level, counted }: { name?: string; value: object; level: number; counted: Counted }) {
  const count = leavesOf(value, counted.counts);
  const [isMade, setIsMade] = useState(!counted.isLarge);
  return (
    <details
      open={count <= MOST_OPEN && !counted.isLarge}
      onToggle={(event) => {
        if (event.currentTarget.open) setIsMade(true);
      }}
    >
      <summary className={styles.summary}>
        {name !== undefined && <Untrusted text={name} className={styles.name} />}
        <span className={name === undefined ? styles.count : styles.closed}>{plural(count, "value")}</span>
      </summary>
      {isMade && <Level data={value} level={level} counted={counted} />}
    </details>
  );
}

function Leaf({ value }: { value: unknown }) {
  return (
    <code className={styles.leaf}>
      <Untrusted text={writeJson(value)} />
    </code>
  );
}
