import { useMemo, useState } from "react";
import { Button } from "@/components/Button";
import { ScrollRegion } from "@/components/ScrollRegion";
import { formatCount } from "@/format/numbers";
import { visible } from "@/format/untrusted";
import { patchLines, type PatchLine } from "./patch";
import styles from "./PatchView.module.css";

/** Lines that are shown at once. */
const SHOWN = 500;
const SIGNS: Record<PatchLine["kind"], string> = { same: " ", added: "+", removed: "−", place: " ", note: " " };
const WORDS: Partial<Record<PatchLine["kind"], string>> = { added: "added:", removed: "removed:" };

/** What changed in one file, line by line. */
export function PatchView({ patch }: { patch: string }) {
  const lines = useMemo(() => patchLines(patch), [patch]);
  const [shown, setShown] = useState(SHOWN);
  if (lines.length === 0) return <p className={styles.nothing}>Nothing to show line by line.</p>;
  return (
    <ScrollRegion label="What changed" className={styles.scroll}>
      <ol className={styles.lines}>
        {lines.slice(0, shown).map((line, index) => (
          <li key={index} className={styles[line.kind]}>
            <span className={styles.number}>{line.before}</span>
            <span className={styles.number}>{line.after}</span>
            <span className={styles.sign} aria-hidden="true">
              {SIGNS[line.kind]}
            </span>
            {WORDS[line.kind] !== undefined && <span className="visually-hidden">{WORDS[line.kind]}</span>}
            <code>
              <bdi>{visible(line.text)}</bdi>
            </code>
          </li>
        ))}
      </ol>
      {lines.length > shown && (
        <Button kind="quiet" onClick={() => setShown((before) => before + 4 * SHOWN)}>
          {formatCount(lines.length - shown)} more lines
        </Button>
      )}
    </ScrollRegion>
  );
}
