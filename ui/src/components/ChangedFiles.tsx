import { useState } from "react";
import type { ChangedFile } from "@/api/schema";
import { Untrusted } from "@/components/Untrusted";
import { formatCount, plural } from "@/format/numbers";
import styles from "./ChangedFiles.module.css";
import { PatchView } from "./PatchView";

/** Patches that are open from the beginning have no more lines than this in all. */
const OPEN_LINES = 60;

interface ChangedFilesProps {
  files: readonly ChangedFile[];
  /** Further files that differ and are not named. */
  leftOut: number;
  allOpen?: boolean;
}

/** Files that differ; each opens to show how. */
export function ChangedFiles({ files, leftOut, allOpen = false }: ChangedFilesProps) {
  const lines = files.reduce((total, file) => total + (file.added ?? 0) + (file.removed ?? 0), 0);
  const isOpen = allOpen || lines <= OPEN_LINES;
  return (
    <>
      <ul className={styles.files}>
        {files.map((file) => (
          <li key={file.path}>
            <File file={file} isOpenAtFirst={isOpen} />
          </li>
        ))}
      </ul>
      {leftOut > 0 && <p className={styles.cut}>{plural(leftOut, "further file")} differ.</p>}
    </>
  );
}

function File({ file, isOpenAtFirst }: { file: ChangedFile; isOpenAtFirst: boolean }) {
  const [isOpen, setOpen] = useState(isOpenAtFirst);
  return (
    <details className={styles.file} open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className={styles.summary}>
        <Untrusted text={file.path} className={styles.path} />
        {file.change !== "changed" && <span className={styles.change}>{file.change}</span>}
        {file.added !== null && <span className={styles.added}>+{formatCount(file.added)}</span>}
        {file.removed !== null && <span className={styles.removed}>−{formatCount(file.removed)}</span>}
      </summary>
      {isOpen && !(file.is_cut && file.patch === "") && <PatchView patch={file.patch} />}
      {isOpen && file.is_cut && (
        <p className={styles.cut}>{file.patch === "" ? "It" : "The rest"} is too long to be shown here.</p>
      )}
    </details>
  );
}
