import type { ReactNode } from "react";
import { ApiError } from "@/api/client";
import { Button } from "./Button";
import { Icon, type IconName } from "./Icon";
import styles from "./States.module.css";

/** Nothing is there: say why, and what to do. */
export function EmptyState({
  icon = "info",
  title,
  isPage = false,
  children,
}: {
  icon?: IconName;
  title: string;
  /** Whether that is all there is on the page. */
  isPage?: boolean;
  children?: ReactNode;
}) {
  return (
    <div className={styles.state}>
      <span className={styles.icon}>
        <Icon name={icon} size={24} />
      </span>
      {isPage ? <h1>{title}</h1> : <h2>{title}</h2>}
      <div className={styles.text}>{children}</div>
    </div>
  );
}

/** Something could not be shown: what happened, why, and a way to try again. */
export function ErrorState({ error, title, onRetry }: { error: unknown; title?: string; onRetry?: () => void }) {
  const message = error instanceof Error ? error.message : String(error);
  const retry = onRetry !== undefined && (!(error instanceof ApiError) || error.isPassing);
  return (
    <div className={`${styles.state} ${styles.error}`} role="alert">
      <span className={styles.icon}>
        <Icon name="warning" size={24} />
      </span>
      <h2>{title ?? "This cannot be shown"}</h2>
      <p className={styles.text}>{message}</p>
      {retry && <Button onClick={onRetry}>Try again</Button>}
    </div>
  );
}

/** Holds the place of what is still on its way, so that nothing jumps. */
export function Skeleton({ lines = 3, height }: { lines?: number; height?: string }) {
  return (
    <div className={styles.skeleton} aria-hidden="true" style={height === undefined ? undefined : { height }}>
      {height === undefined && Array.from({ length: lines }, (_, index) => <span key={index} />)}
    </div>
  );
}
