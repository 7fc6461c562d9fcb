import { useState } from "react";
import { Button } from "@/components/Button";
import { visible } from "@/format/untrusted";
import { plural } from "@/format/numbers";
import styles from "./ComparePage.module.css";
import { patchLines } from "./patchLines";

const SHOWN_AT_ONCE = 1000;

/** A patch, with its lines told apart by their signs and by colour. */
export function Patch({ text }: { text: string }) {
  const lines = patchLines(text);
  const [most, setMost] = useState(SHOWN_AT_ONCE);
  const left = lines.length - most;
  return (
    <>
      {/* A region that scrolls must be reachable by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className={styles.patch} tabIndex={0} role="region" aria-label="Patch">
        <pre>
          {lines.slice(0, most).map((line, index) => (
            <code key={index} className={`${styles.line} ${styles[line.kind] ?? ""}`}>
              {visible(line.text) || " "}
            </code>
          ))}
        </pre>
      </div>
      {left > 0 && <Button onClick={() => setMost(most + 10 * SHOWN_AT_ONCE)}>Show {plural(left, "more line")}</Button>}
    </>
  );
}
