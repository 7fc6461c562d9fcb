import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { SourceExcerpt as Excerpt } from "@/api/schema";
import type { Search } from "@/app/search";
import { Icon } from "@/components/Icon";
import { ScrollRegion } from "@/components/ScrollRegion";
import { Untrusted } from "@/components/Untrusted";
import { tokenize } from "./python";
import { searchOfCodePlace } from "./search";
import { SourceText } from "./SourceLine";
import styles from "./SourceExcerpt.module.css";

/** Lines of the run's code around the one that failed. */
export function SourceExcerpt({ excerpt }: { excerpt: Excerpt }) {
  const lines = useMemo(() => tokenize(excerpt.lines.map((line) => line.text).join("\n")), [excerpt]);
  const place = searchOfCodePlace({ file: excerpt.path, line: excerpt.line });
  return (
    <figure className={styles.excerpt}>
      <figcaption className={styles.caption}>
        <Untrusted text={excerpt.path} />
        <span className={styles.muted}>
          {excerpt.is_exact ? `line ${excerpt.line}` : "the step begins here; the line that failed is not known"}
        </span>
        <Link to="." search={(before: Search) => ({ ...before, ...place, view: "code" })} className={styles.open}>
          Open the file <Icon name="right" size={12} />
        </Link>
      </figcaption>
      <ScrollRegion label="Source code" className={styles.scroll}>
        <ol>
          {excerpt.lines.map((line, index) => {
            const isMarked = line.is_marked && excerpt.is_exact;
            return (
              <li key={line.number} className={`${styles.line} ${isMarked ? styles.marked : ""}`}>
                <span className={styles.number}>{line.number}</span>
                <span className={styles.mark}>
                  {isMarked && (
                    <>
                      <Icon name="failed" size={12} />
                      <span className="visually-hidden">failed here:</span>
                    </>
                  )}
                </span>
                <code>
                  <SourceText tokens={lines[index] ?? []} />
                </code>
              </li>
            );
          })}
        </ol>
      </ScrollRegion>
    </figure>
  );
}
