import { useEffect, useRef } from "react";
import type { ShownLogLine } from "@/api/schema";
import { ScrollRegion } from "@/components/ScrollRegion";
import { formatExactTime } from "@/format/time";
import { visible } from "@/format/untrusted";
import styles from "./LogTail.module.css";

// What colours a terminal.
const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[\\d;:]*m`, "g");

/** The last lines of a log, scrolled to the end; what went to stderr is marked. */
export function LogTail({ lines, hasTraceback }: { lines: readonly ShownLogLine[]; hasTraceback: boolean }) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (list.current !== null) list.current.scrollTop = list.current.scrollHeight;
  }, [lines]);
  if (lines.length === 0)
    return (
      <p className={styles.nothing}>
        {hasTraceback ? "It printed nothing but the traceback above." : "It printed nothing."}
      </p>
    );
  return (
    <ScrollRegion ref={list} label="Last lines of the log" className={styles.log}>
      <ol>
        {lines.map((line, index) => (
          <li key={index} className={styles[line.stream]} title={`${line.stream}, ${formatExactTime(line.at)}`}>
            <span className={styles.stream}>{line.stream === "stderr" ? "err" : "out"}</span>
            <bdi>{visible(line.text.replace(COLOURS, ""))}</bdi>
            {line.is_cut && "…"}
          </li>
        ))}
      </ol>
    </ScrollRegion>
  );
}
