import { Link } from "@tanstack/react-router";
import type { TracebackFrame } from "@/api/schema";
import type { Search } from "@/app/search";
import { CopyButton } from "@/components/CopyButton";
import { ScrollRegion } from "@/components/ScrollRegion";
import { Untrusted } from "@/components/Untrusted";
import { plural } from "@/format/numbers";
import { searchOfCodePlace } from "./search";
import styles from "./Traceback.module.css";

/** The calls that led to an error: those of the flow's own code at once, all of it on demand. */
export function Traceback({ traceback, frames }: { traceback: string; frames: readonly TracebackFrame[] }) {
  const own = frames.filter((frame) => frame.code_file !== null);
  const foreign = frames.length - own.length;
  return (
    <div className={styles.traceback}>
      {own.length > 1 && (
        <ol className={styles.frames} aria-label="Calls in the flow's own code, the last one last">
          {own.map((frame, index) => (
            <li key={index}>
              <Link
                to="."
                search={(before: Search) => ({
                  ...before,
                  ...searchOfCodePlace({ file: frame.code_file ?? undefined, line: frame.line }),
                  view: "code",
                })}
              >
                <Untrusted text={`${frame.code_file ?? frame.file}:${frame.line}`} />
              </Link>
              <span className={styles.muted}>
                in <Untrusted text={frame.function} />
              </span>
              <code>
                <Untrusted text={frame.source} />
              </code>
            </li>
          ))}
        </ol>
      )}
      <details className={styles.whole}>
        <summary>
          Whole traceback{" "}
          <span className={styles.muted}>
            {plural(frames.length, "call")}
            {foreign > 0 && `, ${foreign} of them in libraries`}
          </span>
        </summary>
        <div className={styles.text}>
          <ScrollRegion label="Traceback" className={styles.scroll}>
            <pre>
              <Untrusted text={traceback} />
            </pre>
          </ScrollRegion>
          <CopyButton text={traceback} label="Copy the traceback" />
        </div>
      </details>
    </div>
  );
}
