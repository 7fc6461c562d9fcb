import { useState } from "react";
import type { ChangedFile } from "@/api/schema";
import { Untrusted } from "@/components/Untrusted";
import { formatCount } from "@/format/numbers";
import styles from "./ChangedFiles.module.css";
import { PatchView } from "./PatchView";

/** Patches that are open from the beginning have no more lines than this in all. */
const OPEN_LINES = 60;

/** Files that differ; each opens to show how. */
export function ChangedFiles({ files, allOpen = false }: { files: readonly ChangedFile[]; allOpen?: boolean }) {
  const lines = files.reduce((total, file) => total + file.added + file.removed, 0);
  const isOpen = allOpen || lines <= OPEN_LINES;
  return (
    <ul className={styles.files}>
      {files.map((file) => (
        <li key={file.path}>
          <File file={file} isOpenAtFirst={isOpen} />
        </li>
      ))}
    </ul>
  );
}

function File({ file, isOpenAtFirst }: { file: ChangedFile; isOpenAtFirst: boolean }) {
  const [isOpen, setOpen] = useState(isOpenAtFirst);
  return (
    <details className={styles.file} open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className={styles.summary}>
        <Untrusted text={file.path} className={styles.path} />
        {file.change !== "changed" && <span className={styles.change}>{file.change}</span>}
        <span className={styles.added}>+{formatCount(file.added)}</span>
        <span className={styles.removed}>−{formatCount(file.removed)}</span>
      </summary>
      {isOpen && <PatchView patch={file.patch} />}
      {isOpen && file.is_cut && <p className={styles.cut}>The rest is too long to be shown here.</p>}
    </details>
  );
}
