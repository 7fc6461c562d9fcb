import { useInfiniteQuery } from "@tanstack/react-query";
import { Button } from "@/components/Button";
import { ScrollRegion } from "@/components/ScrollRegion";
import { ErrorState, Skeleton } from "@/components/States";
import { Untrusted } from "@/components/Untrusted";
import { formatBytes } from "@/format/numbers";
import type { TaskAddress } from "../address";
import { textQuery } from "../queries";
import styles from "./TextPreview.module.css";

/** More than this is better looked at in an editor. */
const MOST_PIECES = 12;

/** A text, piece by piece: of a long one only as much is loaded as was asked for. */
export function TextPreview({ task, attempt, name }: { task: TaskAddress; attempt: number; name: string }) {
  const pieces = useInfiniteQuery(textQuery(task, attempt, name));
  const pages = pieces.data?.pages;
  const last = pages?.at(-1);
  if (pieces.isError && pages === undefined) {
    return <ErrorState title="The text cannot be read" error={pieces.error} onRetry={() => void pieces.refetch()} />;
  }
  if (pages === undefined || last === undefined) return <Skeleton lines={4} />;
  const shown = last.next ?? last.total;
  return (
    <div className={styles.preview}>
      <ScrollRegion label={last.is_text ? "Text" : "Bytes"} className={styles.text}>
        <pre>
          {pages.map((page) => (
            <Untrusted key={page.offset} text={page.text} />
          ))}
        </pre>
      </ScrollRegion>
      {last.next !== null && (
        <p className={styles.more}>
          {formatBytes(shown)} of {formatBytes(last.total)}
          {pages.length < MOST_PIECES ? (
            <Button disabled={pieces.isFetchingNextPage} onClick={() => void pieces.fetchNextPage()}>
              Show more
            </Button>
          ) : (
            ": download it to see the rest"
          )}
        </p>
      )}
    </div>
  );
}
