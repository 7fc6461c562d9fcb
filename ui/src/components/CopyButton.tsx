import { useEffect, useState } from "react";
import { Button } from "./Button";
import { Icon } from "./Icon";

const SHOWN_MILLISECONDS = 1500;

/** Copies a text; says that it did. */
export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [state, setState] = useState<"idle" | "copied" | "refused">("idle");
  useEffect(() => {
    if (state === "idle") return undefined;
    const timer = window.setTimeout(() => setState("idle"), SHOWN_MILLISECONDS);
    return () => window.clearTimeout(timer);
  }, [state]);
  const copy = () => {
    navigator.clipboard.writeText(text).then(
      () => setState("copied"),
      () => setState("refused"),
    );
  };
  const said = { idle: label, copied: "Copied", refused: "The browser does not allow copying" }[state];
  return (
    <>
      <Button kind="quiet" label={said} onClick={copy}>
        <Icon name={{ idle: "copy", copied: "check", refused: "warning" }[state] as "copy"} size={14} />
      </Button>
      <span role="status" className="visually-hidden">
        {state === "idle" ? "" : said}
      </span>
    </>
  );
}
