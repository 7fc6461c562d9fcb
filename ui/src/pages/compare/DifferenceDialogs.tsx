import { useQuery } from "@tanstack/react-query";
import { ChangedFiles } from "@/components/ChangedFiles";
import { Dialog } from "@/components/Dialog";
import { PatchView } from "@/components/PatchView";
import { ErrorState, Skeleton } from "@/components/States";
import { Untrusted } from "@/components/Untrusted";
import styles from "./ComparePage.module.css";
import { codeQuery, valueQuery, type ValueSection } from "./queries";
import { pathspec, type RunKey } from "./search";

interface TwoRuns {
  before: RunKey;
  after: RunKey;
  onClose: () => void;
}

const OPEN_FILES = 20;

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
            <ChangedFiles
              files={code.data.files}
              leftOut={code.data.left_out}
              allOpen={code.data.files.length <= OPEN_FILES}
            />
          </>
        )}
      </div>
    </Dialog>
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
              <div className={styles.patch}>
                <PatchView patch={value.data.patch} />
              </div>
            )}
          </>
        )}
      </div>
    </Dialog>
  );
}

function Names({ before, after }: { before: RunKey; after: RunKey }) {
  return (
    <p className={styles.names}>
      <Untrusted text={pathspec(before)} /> (baseline) → <Untrusted text={pathspec(after)} />
    </p>
  );
}
