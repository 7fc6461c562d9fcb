import { useState } from "react";
import { Icon } from "@/components/Icon";
import { Untrusted } from "@/components/Untrusted";
import { plural } from "@/format/numbers";
import styles from "./JsonTree.module.css";
import { branchOf, type Branch } from "./tree";

const OPEN_LEVELS = 2;

/** A container as a tree whose branches open and close. */
export function JsonTree({ label, value }: { label: string; value: unknown }) {
  return (
    <ul className={styles.tree} aria-label={label}>
      <Node name={null} branch={branchOf(value)} level={0} />
    </ul>
  );
}

function Node({ name, branch, level }: { name: string | null; branch: Branch; level: number }) {
  const [isOpen, setOpen] = useState(level < OPEN_LEVELS);
  if (branch.kind === "leaf") {
    return (
      <li className={styles.leaf}>
        {name !== null && <Name text={name} />}
        <span className={styles[branch.look]}>
          <Untrusted text={branch.text} />
        </span>
      </li>
    );
  }
  return (
    <li>
      <button type="button" className={styles.toggle} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Icon name={isOpen ? "down" : "right"} size={10} />
        {name !== null && <Name text={name} />}
        <span className={styles.odd}>
          {branch.isList ? "[" : "{"}
          {isOpen ? "" : `… ${plural(branch.count, "item")}`}
          {isOpen ? "" : branch.isList ? "]" : "}"}
        </span>
      </button>
      {isOpen && (
        <ul className={styles.items}>
          {branch.items.map(([key, item], index) => (
            <Node key={index} name={key} branch={branchOf(item)} level={level + 1} />
          ))}
          {branch.leftOut > 0 && <li className={styles.more}>… {plural(branch.leftOut, "more item")}</li>}
        </ul>
      )}
    </li>
  );
}

function Name({ text }: { text: string }) {
  return (
    <span className={styles.name}>
      <Untrusted text={text} />:{" "}
    </span>
  );
}
