import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { ActionEntry } from "@/api/schema";
import { one, type Search } from "@/app/search";
import { useTitle } from "@/app/title";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { EmptyState, ErrorState, Skeleton } from "@/components/States";
import { Tag } from "@/components/Tag";
import { Time } from "@/components/Time";
import { Untrusted } from "@/components/Untrusted";
import { formatCount } from "@/format/numbers";
import { ACTIONS, OUTCOMES, actionOf, detailsOf, sentence } from "./activity";
import { activityQuery, type ActivityFilter } from "./queries";
import styles from "./ActivityPage.module.css";

const SHOWN_RUNS = 3;

/** Who did what. */
export function ActivityPage() {
  useTitle("Activity");
  const search: Search = useSearch({ strict: false });
  const filter: ActivityFilter = {
    who: one(search, "who"),
    action: actionOf(one(search, "action")),
    flow: one(search, "flow"),
    runId: one(search, "run"),
  };
  const pages = useInfiniteQuery(activityQuery(filter));
  const entries = pages.data?.pages.flatMap((page) => page.entries) ?? [];
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  return (
    <div className={styles.page}>
      <header className={styles.header}>
        <h1>Activity</h1>
        <p className={styles.muted}>
          What was done from the app: who, when, to which runs.
          {pages.data?.pages[0] !== undefined &&
            ` The latest ${formatCount(pages.data.pages[0].kept)} entries are kept.`}
        </p>
      </header>
      <Filters filter={filter} />
      {pages.isPending && <Skeleton lines={8} />}
      {pages.isError && (
        <ErrorState error={pages.error} title="The activity cannot be shown" onRetry={() => void pages.refetch()} />
      )}
      {pages.isSuccess && entries.length === 0 && (
        <EmptyState icon="info" title={isFiltered ? "Nothing like that was done" : "Nothing was done yet"}>
          <p>Tagging, pinning, cancelling, resuming, starting and deleting runs from the app is recorded here.</p>
        </EmptyState>
      )}
      {entries.length > 0 && <Entries entries={entries} />}
      {pages.hasNextPage && (
        <div>
          <Button disabled={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
            {pages.isFetchingNextPage ? "Loading…" : "Older"}
          </Button>
        </div>
      )}
    </div>
  );
}

function Filters({ filter }: { filter: ActivityFilter }) {
  const navigate = useNavigate();
  const set = (name: string, value: string | undefined) =>
    void navigate({ to: ".", search: (before) => ({ ...before, [name]: value || undefined }), replace: true });
  const chosen = [
    ["who", filter.who],
    ["flow", filter.flow],
    ["run", filter.runId],
  ] as const;
  return (
    <div className={styles.filters} role="group" aria-label="Filters">
      <label className={styles.filter}>
        What
        <select value={filter.action ?? ""} onChange={(event) => set("action", event.target.value)}>
          <option value="">everything</option>
          {Object.entries(ACTIONS).map(([action, { word }]) => (
            <option key={action} value={action}>
              {word}
            </option>
          ))}
        </select>
      </label>
      {chosen.map(
        ([name, value]) =>
          value !== undefined && (
            <Tag key={name} text={`${name}: ${value}`}>
              <Button kind="quiet" label={`Any ${name}`} onClick={() => set(name, undefined)}>
                <Icon name="close" size={12} />
              </Button>
            </Tag>
          ),
      )}
    </div>
  );
}

function Entries({ entries }: { entries: readonly ActionEntry[] }) {
  return (
    <div className={styles.scroller}>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">Who</th>
            <th scope="col">What</th>
            <th scope="col">Outcome</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <Entry key={entry.id} entry={entry} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Entry({ entry }: { entry: ActionEntry }) {
  const action = ACTIONS[entry.action];
  const outcome = OUTCOMES[entry.outcome];
  const details = detailsOf(entry);
  return (
    <tr>
      <td className={styles.when}>
        <Time at={entry.at} />
      </td>
      <td className={styles.who} title={`from ${entry.address}`}>
        <Link to="/activity" search={(before) => ({ ...before, who: entry.who })}>
          <Untrusted text={entry.who} />
        </Link>
      </td>
      <td className={styles.what}>
        <div className={styles.deed}>
          <Icon name={action.icon} size={14} />
          {sentence(entry)}
          <Runs entry={entry} />
        </div>
        {details !== null && <Untrusted text={details} className={styles.details} />}
      </td>
      <td>
        <span className={`${styles.outcome} ${styles[entry.outcome]}`}>
          <Icon name={outcome.icon} size={12} />
          {outcome.word}
        </span>
        {entry.message !== "" && entry.outcome !== "done" && (
          <Untrusted text={entry.message} className={styles.message} />
        )}
      </td>
    </tr>
  );
}

function Runs({ entry }: { entry: ActionEntry }) {
  const more = entry.run_count - Math.min(SHOWN_RUNS, entry.runs.length);
  if (entry.run_count === 0) return null;
  return (
    <>
      {entry.runs.slice(0, SHOWN_RUNS).map(({ flow, run_id: runId }) =>
        entry.action === "delete" && entry.outcome === "done" ? (
          <Untrusted key={`${flow}/${runId}`} text={`${flow}/${runId}`} />
        ) : (
          <Link key={`${flow}/${runId}`} to="/runs/$flow/$runId" params={{ flow, runId }}>
            <Untrusted text={`${flow}/${runId}`} />
          </Link>
        ),
      )}
      {more > 0 && <span className={styles.muted}>and {formatCount(more)} more</span>}
    </>
  );
}
