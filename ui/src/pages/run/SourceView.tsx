import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef } from "react";
import type { CodeText } from "@/api/schema";
import { CopyButton } from "@/components/CopyButton";
import { ScrollRegion } from "@/components/ScrollRegion";
import { EmptyState } from "@/components/States";
import { Untrusted } from "@/components/Untrusted";
import { formatBytes, plural } from "@/format/numbers";
import { tokenize, type Token } from "./python";
import { SourceText } from "./SourceLine";
import styles from "./SourceView.module.css";

const LINE_PIXELS = 18;

interface SourceViewProps {
  file: CodeText;
  /** The line that the address points to. */
  line: number | undefined;
  onLine: (line: number) => void;
}

/** A file of the run's code; each line has an address. */
export function SourceView({ file, line, onLine }: SourceViewProps) {
  const text = file.text;
  const lines = useMemo(() => (text === null ? [] : linesOf(file.path, text)), [file.path, text]);
  if (text === null) return <EmptyState title="This file is no text">{formatBytes(file.size)}</EmptyState>;
  return (
    <div className={styles.file}>
      <div className={styles.head}>
        <Untrusted text={file.path} className={styles.path} />
        <span className={styles.muted}>
          {plural(lines.length, "line")}, {formatBytes(file.size)}
          {file.is_cut && ", only its beginning is shown"}
        </span>
        <CopyButton text={text} label="Copy the file" />
      </div>
      <Lines lines={lines} line={line} onLine={onLine} />
    </div>
  );
}

function Lines({
  lines,
  line,
  onLine,
}: {
  lines: readonly Token[][];
  line: number | undefined;
  onLine: (line: number) => void;
}) {
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => LINE_PIXELS,
    overscan: 30,
    initialRect: { width: 800, height: 600 },
  });
  useEffect(() => {
    if (line !== undefined) virtual.scrollToIndex(Math.min(line, lines.length) - 1, { align: "center" });
  }, [line, lines, virtual]);
  return (
    <ScrollRegion ref={scroll} label="Source code" className={styles.scroll}>
      <div className={styles.lines} style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const number = item.index + 1;
          return (
            <div
              key={item.key}
              className={`${styles.line} ${number === line ? styles.marked : ""}`}
              style={{ transform: `translateY(${item.start}px)`, height: item.size }}
            >
              <button
                type="button"
                tabIndex={-1}
                className={styles.number}
                aria-label={`Line ${number}`}
                aria-current={number === line ? "true" : undefined}
                onClick={() => onLine(number)}
              >
                {number}
              </button>
              <code>
                <SourceText tokens={lines[item.index] ?? []} />
              </code>
            </div>
          );
        })}
      </div>
    </ScrollRegion>
  );
}

function linesOf(path: string, text: string): Token[][] {
  if (path.endsWith(".py")) return tokenize(text);
  return text.split("\n").map((line) => [{ kind: "plain", text: line }]);
}
