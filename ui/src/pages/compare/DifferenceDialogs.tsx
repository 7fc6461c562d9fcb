import { useQuery } from "@tanstack/react-query";
import type { FileChange } from "@/api/schema";
import { Dialog } from "@/components/Dialog";
import { ErrorState, Skeleton } from "@/components/States";
import { Untrusted } from "@/components/Untrusted";
import { plural } from "@/format/numbers";
import styles from "./ComparePage.module.css";
import { Patch } from "./Patch";
import { codeQuery, valueQuery, type ValueSection } from "./queries";
import { pathspec, type RunKey } from "./search";

interface TwoRuns {
  before: RunKey;
  after: RunKey;
  onClose: () => void;
}

const OPEN_FILES = 3;

/** How the code of two runs differs. */
export function CodeDialog({ before, after, onClose }: TwoRuns) {
  const code = useQuery(codeQuery(before, after));
  return (
    <Dialog title="Difference of the code" onClose={onClose}>
      <div className={styles.texts}>
        <Names before={before} after={after} />
        {code.isError ? (
          <ErrorState error={code.error} onRetry={() => void code.refetch()} />
        ) : code.data === undefined ? (
          <Skeleton lines={8} />
        ) : (
          <>
            {code.data.note !== null && (
              <p>
                <Untrusted text={code.data.note} />
              </p>
            )}
            {code.data.note === null && code.data.files.length === 0 && <p>The files are the same.</p>}
            {code.data.files.map((file, index) => (
              <File key={file.path} file={file} isOpen={index < OPEN_FILES} />
            ))}
            {code.data.left_out > 0 && <p>{plural(code.data.left_out, "further file")} differ.</p>}
          </>
        )}
      </div>
    </Dialog>
  );
}

function File({ file, isOpen }: { file: FileChange; isOpen: boolean }) {
  return (
    <details className={styles.file} open={isOpen}>
      <summary>
        <strong>
          <Untrusted text={file.path} />
        </strong>
        <span className={styles.muted}>
          {file.change}
          {file.patch !== null && `, +${file.added} −${file.removed} lines`}
        </span>
      </summary>
      {file.patch === null ? <p>It is too long to be shown here.</p> : <Patch text={file.patch} />}
    </details>
  );
}

/** How a value of two runs differs, line by line. */
export function ValueDialog({
  before,
  after,
  section,
  name,
  onClose,
}: TwoRuns & { section: ValueSection; name: string }) {
  const value = useQuery(valueQuery(before, after, section, name));
  return (
    <Dialog title={`Difference of ${name}`} onClose={onClose}>
      <div className={styles.texts}>
        <Names before={before} after={after} />
        {value.isError ? (
          <ErrorState error={value.error} onRetry={() => void value.refetch()} />
        ) : value.data === undefined ? (
          <Skeleton lines={8} />
        ) : (
          <>
            {value.data.notes.map((note) => (
              <p key={note} className={styles.problems}>
                <Untrusted text={note} />
              </p>
            ))}
            {value.data.patch === null ? (
              <p>The texts are too long to be compared line by line.</p>
            ) : value.data.patch === "" ? (
              <p>What can be shown of them is the same.</p>
            ) : (
              <Patch text={value.data.patch} />
            )}
          </>
        )}
      </div>
    </Dialog>
  );
}

function Names({ before, after }: { before: RunKey; after: RunKey }) {
  return (
    <p className={styles.muted}>
      <Untrusted text={pathspec(before)} /> (baseline) → <Untrusted text={pathspec(after)} />
    </p>
  );
}
