import { useQueries, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { runQuery } from "@/api/queries";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { Icon } from "@/components/Icon";
import { Skeleton } from "@/components/States";
import { Tag } from "@/components/Tag";
import { plural } from "@/format/numbers";
import { visible } from "@/format/untrusted";
import { Note } from "./parts";
import { knownTagsQuery } from "./queries";
import type { RunReference } from "./RunActions";
import { changeTags, changed, systemTagsOf, tagsOf } from "./tagging";
import { TagInput } from "./TagInput";
import styles from "./Dialogs.module.css";

/** Runs whose tags are shown before they are changed; of more, tags are only added and removed. */
const SHOWN_RUNS = 50;

interface TagDialogProps {
  runs: readonly RunReference[];
  onClose: () => void;
  onDone: (() => void) | undefined;
}

/** Adds tags to runs and removes some. */
export function TagDialog({ runs, onClose, onDone }: TagDialogProps) {
  const [add, setAdd] = useState<string[]>([]);
  const [remove, setRemove] = useState<string[]>([]);
  const records = useQueries({ queries: runs.slice(0, SHOWN_RUNS).map((run) => runQuery(run.flow, run.runId)) });
  const flow = new Set(runs.map((run) => run.flow)).size === 1 ? runs[0]?.flow : undefined;
  const known = useQuery(knownTagsQuery(flow)).data?.tags ?? [];
  const before = [...new Set(records.flatMap((record) => tagsOf(record.data)))].sort();
  const system = [...new Set(records.flatMap((record) => systemTagsOf(record.data)))].sort();
  const isLoading = records.some((record) => record.isPending);
  const shown = changed(before, add, remove);
  const isChanged = add.length + remove.length > 0;
  const save = () => {
    if (isChanged) {
      void changeTags(runs, add, remove);
      onDone?.();
    }
    onClose();
  };
  const drop = (tag: string) => {
    setAdd(add.filter((each) => each !== tag));
    if (before.includes(tag)) setRemove([...remove, tag]);
  };
  return (
    <Dialog
      title={runs.length === 1 ? "Tags of this run" : `Tags of ${plural(runs.length, "run")}`}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" disabled={!isChanged} onClick={save}>
            Save
          </Button>
        </>
      }
    >
      <div className={styles.stack}>
        {isLoading ? (
          <Skeleton lines={1} />
        ) : (
          <ul className={styles.facts} aria-label="Tags">
            {shown.length === 0 && <li className={styles.muted}>No tags yet.</li>}
            {shown.map((tag) => (
              <li key={tag}>
                <Tag text={tag}>
                  <Button kind="quiet" label={`Remove the tag ${visible(tag)}`} onClick={() => drop(tag)}>
                    <Icon name="close" size={12} />
                  </Button>
                </Tag>
              </li>
            ))}
          </ul>
        )}
        <TagInput
          label="Add tags"
          known={known.filter((tag) => !shown.includes(tag))}
          onAdd={(tag) => {
            setRemove(remove.filter((each) => each !== tag));
            if (!before.includes(tag) || runs.length > 1) setAdd([...new Set([...add, tag])]);
          }}
        />
        {runs.length > 1 && (
          <Note>
            A tag that is added here is added to all of them, and one that is removed here from all of them.
            {runs.length > SHOWN_RUNS && ` The tags of the first ${SHOWN_RUNS} are shown.`}
          </Note>
        )}
        {system.length > 0 && (
          <div className={styles.field}>
            <span className={styles.muted}>Given by the system; these stay</span>
            <ul className={styles.steps}>
              {system.map((tag) => (
                <li key={tag}>
                  <Tag text={tag} isSystem />
                </li>
              ))}
            </ul>
          </div>
        )}
      </div>
    </Dialog>
  );
}
