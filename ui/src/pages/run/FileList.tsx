import { useMemo } from "react";
import type { CodeFiles } from "@/api/schema";
import { Untrusted } from "@/components/Untrusted";
import { formatBytes, formatCount } from "@/format/numbers";
import { fileRows } from "./files";
import styles from "./FileList.module.css";

interface FileListProps {
  files: CodeFiles;
  selected: string;
  onSelect: (path: string) => void;
}

/** The files of a run's code. */
export function FileList({ files, selected, onSelect }: FileListProps) {
  const rows = useMemo(() => fileRows(files.files), [files]);
  const hidden = files.files_in_all - files.files.length;
  return (
    <nav className={styles.list} aria-label="Files">
      <ul>
        {rows.map((row) =>
          row.kind === "directory" ? (
            <li key={`${row.path}/`} className={styles.directory}>
              <Untrusted text={`${row.name}/`} />
            </li>
          ) : (
            <li key={row.path}>
              <button
                type="button"
                className={styles.file}
                aria-current={row.path === selected ? "true" : undefined}
                onClick={() => onSelect(row.path)}
              >
                <Untrusted text={row.name} />
                <small>{row.path === files.script ? "script" : formatBytes(row.size)}</small>
              </button>
            </li>
          ),
        )}
      </ul>
      {hidden > 0 && <p className={styles.hidden}>{formatCount(hidden)} more are in the download.</p>}
    </nav>
  );
}
