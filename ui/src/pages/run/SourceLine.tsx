import { visible } from "@/format/untrusted";
import type { Token } from "./python";
import styles from "./SourceLine.module.css";

/** The text of a line of source code, coloured a little. */
export function SourceText({ tokens }: { tokens: readonly Token[] }) {
  return (
    <bdi>
      {tokens.map((token, index) =>
        token.kind === "plain" ? (
          visible(token.text)
        ) : (
          <span key={index} className={styles[token.kind]}>
            {visible(token.text)}
          </span>
        ),
      )}
    </bdi>
  );
}
