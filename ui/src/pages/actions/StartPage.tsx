import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { StartableFlow } from "@/api/schema";
import { one, type Search } from "@/app/search";
import { useTitle } from "@/app/title";
import { appQuery } from "@/api/queries";
import { Icon } from "@/components/Icon";
import { SearchField } from "@/components/SearchField";
import { EmptyState, ErrorState, Skeleton } from "@/components/States";
import { StatusBadge, type Status } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import { Untrusted } from "@/components/Untrusted";
import { startableQuery } from "./queries";
import styles from "./StartPage.module.css";

/** From so many flows on there is a field to look for one. */
const MANY = 6;

/** Flows that can be started from here. */
export function StartPage() {
  useTitle("Start a run");
  const app = useQuery(appQuery);
  if (app.data === undefined) return <Skeleton lines={6} />;
  return app.data.can_start ? <Startable /> : <NoStart mode={app.data.mode} />;
}

/** Said where nothing can be started. */
export function NoStart({ mode }: { mode: "project" | "team" }) {
  return (
    <>
      <h1 className="visually-hidden">Start a run</h1>
      <EmptyState icon="play" title="Runs are not started here">
        {mode === "team" ? (
          <p>
            This server keeps the records of a team; the flows are elsewhere. Start runs on the command line, or with{" "}
            <code>metaflow ui</code> in the directory of a flow.
          </p>
        ) : (
          <p>You may look, but not change anything here. Start runs on the command line.</p>
        )}
      </EmptyState>
    </>
  );
}

function Startable() {
  const found = useQuery(startableQuery);
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const text = one(search, "q") ?? "";
  if (found.isError)
    return <ErrorState error={found.error} title="The flows cannot be listed" onRetry={() => void found.refetch()} />;
  if (found.isPending) return <Skeleton lines={6} />;
  const flows = found.data.flows.filter((flow) => flow.problem === null);
  const broken = found.data.flows.filter((flow) => flow.problem !== null);
  const wanted = flows.filter((flow) => `${flow.flow} ${flow.file}`.toLowerCase().includes(text.toLowerCase()));
  return (
    <div className={styles.page}>
      <header className={styles.header}>
        <h1>Start a run</h1>
        <p className={styles.where}>
          Flows in <Untrusted text={found.data.directory} className={styles.code} />
        </p>
        {flows.length >= MANY && (
          <span className={styles.search}>
            <SearchField
              label="Look for a flow"
              value={text}
              onChange={(q) => void navigate({ to: ".", search: (before) => ({ ...before, q }), replace: true })}
            />
          </span>
        )}
      </header>
      {flows.length === 0 && (
        <EmptyState icon="play" title="There is no flow here yet">
          <p>
            A flow is a Python file with a class that derives from <code>FlowSpec</code>, and that starts it at its end.
            It shows up here as soon as it is saved.
          </p>
        </EmptyState>
      )}
      {flows.length > 0 && wanted.length === 0 && <EmptyState icon="search" title="No flow is called like that" />}
      {wanted.length > 0 && (
        <ul className={styles.flows}>
          {wanted.map((flow) => (
            <FlowRow key={flow.file} flow={flow} />
          ))}
        </ul>
      )}
      {!found.data.is_complete && (
        <p className={styles.where}>
          The directory is large: only a part of it was looked at. Start the app in a directory further down.
        </p>
      )}
      {broken.length > 0 && <Broken flows={broken} />}
    </div>
  );
}

function FlowRow({ flow }: { flow: StartableFlow }) {
  return (
    <li className={styles.flow}>
      <div className={styles.name}>
        <Link to="/start/$flow" params={{ flow: flow.flow }} search={{ file: flow.file }} className={styles.link}>
          <Untrusted text={flow.flow} />
        </Link>
        <Untrusted text={flow.file} className={styles.code} />
        {flow.description !== "" && <Untrusted text={flow.description} className={styles.description} />}
      </div>
      <div className={styles.latest}>
        {flow.latest === null ? (
          <span className={styles.never}>Never run</span>
        ) : (
          <>
            <StatusBadge status={flow.latest.status as Status} />
            <Link to="/runs/$flow/$runId" params={{ flow: flow.flow, runId: flow.latest.run_id }}>
              <Time at={flow.latest.started_at} />
            </Link>
          </>
        )}
      </div>
      <span className={styles.go} aria-hidden="true">
        <Icon name="play" size={14} /> Run
      </span>
    </li>
  );
}

function Broken({ flows }: { flows: readonly StartableFlow[] }) {
  return (
    <section className={styles.broken} aria-labelledby="broken">
      <h2 id="broken">Files that cannot be read</h2>
      <ul>
        {flows.map((flow) => (
          <li key={flow.file}>
            <Icon name="warning" size={14} />
            <Untrusted text={flow.file} className={styles.code} />
            <Untrusted text={flow.problem ?? ""} />
          </li>
        ))}
      </ul>
    </section>
  );
}
