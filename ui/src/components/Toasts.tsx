import { useSyncExternalStore, type ReactNode } from "react";
import { Button } from "./Button";
import { Icon } from "./Icon";
import styles from "./Toasts.module.css";

interface Toast {
  id: number;
  kind: "done" | "failed";
  text: ReactNode;
  action?: { label: string; run: () => void };
}

const SHOWN_MILLISECONDS = 8_000;

let toasts: readonly Toast[] = [];
let lastId = 0;
const watchers = new Set<() => void>();

function change(next: readonly Toast[]): void {
  toasts = next;
  for (const watcher of watchers) watcher();
}

function dismiss(id: number): void {
  change(toasts.filter((toast) => toast.id !== id));
}

/** Say in passing that something was done, or failed; `action` is such as undoing it. Failures stay until dismissed. */
export function toast(kind: Toast["kind"], text: ReactNode, action?: Toast["action"]): void {
  lastId += 1;
  const id = lastId;
  change([...toasts, action === undefined ? { id, kind, text } : { id, kind, text, action }]);
  if (kind === "done") window.setTimeout(() => dismiss(id), SHOWN_MILLISECONDS);
}

/** Where they appear; once a page. */
export function Toasts() {
  const shown = useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => toasts,
  );
  return (
    <div className={styles.toasts} role="status" aria-live="polite">
      {shown.map((each) => (
        <div key={each.id} className={`${styles.toast} ${styles[each.kind]}`}>
          <Icon name={each.kind} />
          <span className={styles.text}>{each.text}</span>
          {each.action !== undefined && (
            <Button
              onClick={() => {
                each.action?.run();
                dismiss(each.id);
              }}
            >
              {each.action.label}
            </Button>
          )}
          <Button kind="quiet" label="Dismiss" onClick={() => dismiss(each.id)}>
            <Icon name="close" size={12} />
          </Button>
        </div>
      ))}
    </div>
  );
}
