import { useQuery, useQueryClient, type Query } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef, type RefObject } from "react";
import { ApiError } from "@/api/client";
import { useConnection } from "@/api/events";
import { appQuery } from "@/api/queries";
import type { ArrivingRuns } from "@/api/schema";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { Keyboard } from "@/components/Keyboard";
import { ErrorState } from "@/components/States";
import { Toasts, toast } from "@/components/Toasts";
import { Untrusted } from "@/components/Untrusted";
import { SignIn } from "./SignIn";
import { arrivingText, askAgainAfter } from "./arriving";
import styles from "./Shell.module.css";
import { signOut } from "./session";
import { toggleTheme, useIsDark } from "./theme";

/** What is around every page: where one is, where one can go, and whether the page is live. */
export function Shell() {
  const app = useQuery({ ...appQuery, refetchInterval: ({ state }) => askAgainAfter(state.data?.arriving) });
  // Pages of runs, tasks and flows are below the list of runs.
  const isBelowRuns = useLocation({ select: ({ pathname }) => /^\/(runs|flows)\//.test(pathname) });
  const main = useRef<HTMLElement>(null);
  useFocusKept(main);
  const mustSignIn = app.error instanceof ApiError && app.error.status === 401;
  return (
    <>
      <a href="#main" className={styles.skip}>
        Skip to the content
      </a>
      <header className={styles.header}>
        <Link to="/" className={styles.brand}>
          <img src="/ui/icon.svg" alt="" width={20} height={20} />
          Metaflow
        </Link>
        <nav aria-label="Pages" className={styles.pages}>
          <Link to="/" activeOptions={{ exact: true, includeSearch: false }} className={isBelowRuns ? styles.here : ""}>
            Runs
          </Link>
          <Link to="/compare">Compare</Link>
          {app.data?.can_start === true && <Link to="/start">Start</Link>}
          <Link to="/activity">Activity</Link>
        </nav>
        <div className={styles.side}>
          {app.data !== undefined && <Untrusted text={app.data.place} className={styles.place} />}
          <Arriving arriving={app.data?.arriving} />
          <ConnectionState />
          <Keyboard />
          {app.data?.mode === "team" && app.data.can_sign_out && <SignOutButton user={app.data.user} />}
          <ThemeButton />
        </div>
      </header>
      <main ref={main} id="main" className={styles.main} tabIndex={-1}>
        {mustSignIn ? (
          <SignIn />
        ) : app.isError && app.data === undefined ? (
          <ErrorState error={app.error} title="The server cannot be asked" onRetry={() => void app.refetch()} />
        ) : (
          <Outlet />
        )}
      </main>
      <Toasts />
    </>
  );
}

/** Whoever goes on by a link or a key that is not on the next page is at the beginning of that, and not nowhere. */
function useFocusKept(main: RefObject<HTMLElement | null>): void {
  const shown = useRouterState({ select: (state) => state.resolvedLocation?.pathname });
  const before = useRef(shown);
  useEffect(() => {
    const isFirst = before.current === undefined;
    before.current = shown;
    if (!isFirst && document.activeElement === document.body) main.current?.focus({ preventScroll: true });
  }, [shown, main]);
}

/** How far runs of other machines are read, or why they cannot be. */
function Arriving({ arriving }: { arriving: ArrivingRuns | null | undefined }) {
  const text = arrivingText(arriving);
  if (text === null) return null;
  return (
    <span className={styles.connection} title={arriving?.problem ?? text}>
      <Icon name={arriving?.problem ? "warning" : "waiting"} size={12} />
      {text}
    </span>
  );
}

function ConnectionState() {
  const connection = useConnection();
  const queries = useQueryClient();
  useEffect(() => {
    // What could not be read while the server was away is read now, without anybody having to ask for it.
    if (connection === "live") void queries.refetchQueries({ type: "active", predicate: failedInPassing });
  }, [connection, queries]);
  if (connection === null) return null;
  const word = { live: "Live", connecting: "Connecting", broken: "Not live: connecting again" }[connection];
  return (
    <span role="status" className={`${styles.connection} ${styles[connection]}`} title={word}>
      <Icon name={connection === "broken" ? "warning" : connection === "live" ? "done" : "waiting"} size={12} />
      {word}
    </span>
  );
}

function failedInPassing({ state }: Query): boolean {
  return state.error instanceof ApiError && state.error.isPassing;
}

function SignOutButton({ user }: { user: string }) {
  const queries = useQueryClient();
  const leave = () => {
    signOut().then(
      () => queries.resetQueries(),
      (error: unknown) => toast("failed", error instanceof Error ? error.message : String(error)),
    );
  };
  return (
    <Button kind="quiet" onClick={leave}>
      <Untrusted text={user} /> · Sign out
    </Button>
  );
}

function ThemeButton() {
  const dark = useIsDark();
  return (
    <Button kind="quiet" label={dark ? "Use light colours" : "Use dark colours"} onClick={toggleTheme}>
      <Icon name={dark ? "sun" : "moon"} />
    </Button>
  );
}
