import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useLocation } from "@tanstack/react-router";
import { ApiError } from "@/api/client";
import { useConnection } from "@/api/events";
import { appQuery } from "@/api/queries";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { Keyboard } from "@/components/Keyboard";
import { ErrorState } from "@/components/States";
import { Toasts, toast } from "@/components/Toasts";
import { Untrusted } from "@/components/Untrusted";
import { SignIn } from "./SignIn";
import styles from "./Shell.module.css";
import { signOut } from "./session";
import { toggleTheme, useIsDark } from "./theme";

/** What is around every page: where one is, where one can go, and whether the page is live. */
export function Shell() {
  const app = useQuery(appQuery);
  // Pages of runs, tasks and flows are below the list of runs.
  const isBelowRuns = useLocation({ select: ({ pathname }) => /^\/(runs|flows)\//.test(pathname) });
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
          <ConnectionState />
          <Keyboard />
          {app.data?.mode === "team" && app.data.can_sign_out && <SignOutButton user={app.data.user} />}
          <ThemeButton />
        </div>
      </header>
      <main id="main" className={styles.main} tabIndex={-1}>
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

function ConnectionState() {
  const connection = useConnection();
  if (connection === null) return null;
  const word = { live: "Live", connecting: "Connecting", broken: "Not live: connecting again" }[connection];
  return (
    <span role="status" className={`${styles.connection} ${styles[connection]}`} title={word}>
      <Icon name={connection === "broken" ? "warning" : connection === "live" ? "done" : "waiting"} size={12} />
      {word}
    </span>
  );
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
