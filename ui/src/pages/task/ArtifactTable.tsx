import { useId } from "react";
import type { ArtifactRow } from "@/api/schema";
import { Icon } from "@/components/Icon";
import { Untrusted } from "@/components/Untrusted";
import { formatBytes } from "@/format/numbers";
import { ArtifactDetails } from "./ArtifactDetails";
import { ArtifactValue } from "./ArtifactValue";
import styles from "./ArtifactTable.module.css";
import type { TaskAddress } from "./address";

interface ArtifactTableProps {
  task: TaskAddress;
  attempt: number;
  rows: readonly ArtifactRow[];
  /** Name of the one that is open. */
  open: string | undefined;
  onOpen: (name: string | undefined) => void;
}

/** Artifacts, one a row; a row opens to show what is in it. */
export function ArtifactTable({ task, attempt, rows, open, onOpen }: ArtifactTableProps) {
  return (
    <table className={styles.table}>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col" className={styles.type}>
            Type
          </th>
          <th scope="col" className={styles.line}>
            Value
          </th>
          <th scope="col" className={styles.size}>
            Size
          </th>
          <th scope="col">Origin</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row
            key={row.name}
            task={task}
            attempt={attempt}
            row={row}
            isOpen={row.name === open}
            onToggle={() => onOpen(row.name === open ? undefined : row.name)}
          />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps {
  task: TaskAddress;
  attempt: number;
  row: ArtifactRow;
  isOpen: boolean;
  onToggle: () => void;
}

function Row({ task, attempt, row, isOpen, onToggle }: RowProps) {
  const id = useId();
  return (
    <>
      <tr className={isOpen ? styles.open : undefined} data-artifact={row.name}>
        <th scope="row" className={styles.name}>
          <button type="button" aria-expanded={isOpen} aria-controls={isOpen ? id : undefined} onClick={onToggle}>
            <Icon name={isOpen ? "down" : "right"} size={12} />
            <Untrusted text={row.name} />
          </button>
        </th>
        <td className={styles.type} title={row.type}>
          <Untrusted text={row.type.split(".").at(-1) ?? row.type} />
        </td>
        <td className={styles.line}>
          <ArtifactValue row={row} />
        </td>
        <td className={styles.size}>{row.is_skipped ? "–" : formatBytes(row.size)}</td>
        <td>
          <Origin state={row.state} />
        </td>
      </tr>
      {isOpen && (
        <tr id={id} className={styles.details}>
          <td colSpan={5}>
            <ArtifactDetails task={task} attempt={attempt} name={row.name} />
          </td>
        </tr>
      )}
    </>
  );
}

const ORIGINS = {
  new: { word: "new", icon: "plus", title: "No task before this one has it" },
  changed: { word: "changed", icon: "repeat", title: "The tasks before this one have another value" },
  parameter: { word: "parameter", icon: "info", title: "A parameter or constant of the run" },
  inherited: { word: "passed on", icon: "down", title: "The same value as before this task" },
} as const;

function Origin({ state }: { state: ArtifactRow["state"] }) {
  const { word, icon, title } = ORIGINS[state];
  return (
    <span className={`${styles.origin} ${styles[state]}`} title={title}>
      <Icon name={icon} size={12} />
      {word}
    </span>
  );
}
