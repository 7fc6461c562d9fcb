import { useEffect, useState } from "react";
import type { LogRow } from "@/api/schema";
import { api, body } from "@/api/client";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { ErrorState, Skeleton } from "@/components/States";
import { formatBytes } from "@/format/numbers";
import { visible } from "@/format/untrusted";
import { plainText, terminalPieces } from "./ansi";
import { taskQuery, type TaskLogSource } from "./taskLogSource";
import styles from "./LongLine.module.css";

/** Characters of one element: browsers lay out many short ones faster than a long one. */
const PART = 20_000;

/** One line as a whole: a very long one, part by part, or all states of a progress bar. */
export function LongLine({ source, row, onClose }: { source: TaskLogSource; row: LogRow; onClose: () => void }) {
  const [text, setText] = useState<string | null>(null);
  const [next, setNext] = useState<number | null>(0);
  const [from, setFrom] = useState(0);
  const [bytes, setBytes] = useState(row.bytes ?? 0);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    const abort = new AbortController();
    const query = taskQuery(source.name);
    api
      .GET("/api/v1/task/log/line", {
        params: { query: { ...query, line: row.redrawn_by ?? row.line, from } },
        signal: abort.signal,
      })
      .then((answer) => {
        const part = body(answer);
        setText((before) => (from === 0 ? "" : (before ?? "")) + part.text);
        setBytes(part.bytes);
        setNext(part.next ?? null);
      })
      .catch((problem: unknown) => {
        if (!abort.signal.aborted) setError(problem);
      });
    return () => abort.abort();
  }, [source, row, from]);
  const states = (text ?? "").split("\r").filter((state) => state !== "");
  return (
    <Dialog
      title={`Line ${row.line}`}
      onClose={onClose}
      actions={
        <>
          <span className={styles.size}>{formatBytes(bytes)}</span>
          {next !== null && text !== null && <Button onClick={() => setFrom(next)}>Show more</Button>}
          <Button onClick={() => void navigator.clipboard.writeText(text ?? "")} disabled={text === null}>
            Copy
          </Button>
        </>
      }
    >
      {error !== null && <ErrorState error={error} />}
      {error === null && text === null && <Skeleton lines={4} />}
      <div className={styles.text}>
        {states.flatMap((state, index) =>
          parts(plainText(terminalPieces(state))).map((part, place) => (
            <div key={`${index}.${place}`}>{visible(part)}</div>
          )),
        )}
      </div>
    </Dialog>
  );
}

function parts(text: string): string[] {
  const found: string[] = [];
  for (let begin = 0; begin < text.length; begin += PART) found.push(text.slice(begin, begin + PART));
  return found;
}
