import { Untrusted } from "@/components/Untrusted";
import styles from "./charts.module.css";
import type { Mark } from "./marks";

/** What is told of the mark that is looked at, beside it. */
export function Hint({ mark, x, y, width }: { mark: Mark; x: number; y: number; width: number }) {
  const isRight = x > width / 2;
  const place = isRight ? { right: width - x + 12 } : { left: x + 12 };
  return (
    <div className={styles.hint} style={{ ...place, top: Math.max(0, y - 16) }} aria-hidden="true">
      <strong>
        <Untrusted text={mark.name} />
      </strong>
      {mark.isMarked === true && " baseline"}
      <dl>
        {mark.facts.map(([name, text]) => (
          <div key={name}>
            <dt>
              <Untrusted text={name} />
            </dt>
            <dd>
              <Untrusted text={text} />
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
