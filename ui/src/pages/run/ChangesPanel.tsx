import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Change, ChangedDuration, ChangesBetween } from "@/api/schema";
import { ChangedFiles } from "@/components/ChangedFiles";
import { Icon } from "@/components/Icon";
import { Panel } from "@/components/Panel";
import { ErrorState, Skeleton } from "@/components/States";
import { Time } from "@/components/Time";
import { Untrusted } from "@/components/Untrusted";
import { formatDuration } from "@/format/duration";
import { formatCount } from "@/format/numbers";
import { compareSearch } from "@/pages/compare/search";
import styles from "./ChangesPanel.module.css";
import { notableDurations, nothingChanged } from "./changes";
import { changesQuery } from "./queries";

/** What is not as it was when the flow succeeded last. */
export function ChangesPanel({ flow, runId }: { flow: string; runId: string }) {
  const query = useQuery(changesQuery(flow, runId));
  const changes = query.data;
  if (changes === null) {
    return (
      <Panel title="What changed since the last success">
        <p className={styles.nothing}>No run of this flow has succeeded before this one.</p>
      </Panel>
    );
  }
  if (changes === undefined) {
    return (
      <Panel title="What changed since the last success">
        {query.isError ? (
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        ) : (
          <Skeleton height="6rem" />
        )}
      </Panel>
    );
  }
  const { base } = changes;
  return (
    <Panel
      title="What changed since the last success"
      actions={
        <span className={styles.base}>
          <Link to="/runs/$flow/$runId" params={{ flow, runId: base.run_id }} search={{}}>
            <Untrusted text={base.run_id} />
          </Link>
          <span className={styles.muted}>
            <Time at={base.started_at} />
          </span>
          <Link to="/compare" search={compareSearch([base.run_id, runId].map((each) => ({ flow, runId: each })))}>
            Compare
          </Link>
        </span>
      }
    >
      <Changes changes={changes} />
    </Panel>
  );
}

function Changes({ changes }: { changes: ChangesBetween }) {
  const durations = notableDurations(changes.durations);
  return (
    <div className={styles.changes}>
      {changes.problems.map((problem) => (
        <p key={problem} className={styles.problem}>
          <Icon name="warning" size={14} /> <Untrusted text={problem} />
        </p>
      ))}
      {nothingChanged(changes) && (
        <p className={styles.nothing}>
          {changes.code.is_known
            ? "Nothing that is recorded: parameters, configs, code and environment are the same."
            : "Nothing that can be told: parameters and configs are the same; the code of one of the runs is not known."}
        </p>
      )}
      <Section title="Code" shows={changes.code.files.length > 0}>
        <ChangedFiles files={changes.code.files} leftOut={changes.code.left_out} />
      </Section>
      <Section title="Parameters" shows={changes.parameters.length > 0}>
        <Rows label="Parameters" rows={changes.parameters} most={changes.most_rows} />
      </Section>
      <Section title="Configs" shows={changes.configs.length > 0}>
        <Rows label="Configs" rows={changes.configs} most={changes.most_rows} />
      </Section>
      <Section title="Environment" shows={changes.environment.length > 0}>
        <Rows label="Environment" rows={changes.environment} most={changes.most_rows} />
      </Section>
      {changes.data !== null && (
        <Section title={`Data that entered ${changes.data.step}`} shows={changes.data.artifacts.length > 0}>
          <Rows label="Data" rows={changes.data.artifacts} most={changes.most_rows} />
        </Section>
      )}
      <Section title="Durations" shows={durations.length > 0}>
        <Durations durations={durations} />
      </Section>
    </div>
  );
}

function Section({ title, shows, children }: { title: string; shows: boolean; children: ReactNode }) {
  if (!shows) return null;
  return (
    <section aria-label={title}>
      <h3>
        <Untrusted text={title} />
      </h3>
      {children}
    </section>
  );
}

function Rows({ label, rows, most }: { label: string; rows: readonly Change[]; most: number }) {
  return (
    <>
      <table className={styles.table}>
        <caption className="visually-hidden">{label}: before and now</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Before</th>
            <th scope="col">Now</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.name}>
              <th scope="row">
                <Untrusted text={row.name} />
              </th>
              <td>
                <Side text={row.before} />
              </td>
              <td>
                <Side text={row.after} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length >= most && <p className={styles.nothing}>Only the first {formatCount(most)} are shown.</p>}
    </>
  );
}

function Side({ text }: { text: string | null }) {
  if (text === null) return <span className={styles.nothing}>not there</span>;
  return (
    <code>
      <Untrusted text={text} />
    </code>
  );
}

function Durations({ durations }: { durations: readonly ChangedDuration[] }) {
  return (
    <ul className={styles.durations}>
      {durations.map(({ step, before, after }) => {
        if (before === null || after === null) return null;
        const isSlower = after > before;
        return (
          <li key={step}>
            <Icon name={isSlower ? "up" : "down"} size={12} />
            <Untrusted text={step} />
            <span>
              {formatDuration(before)} → {formatDuration(after)}
            </span>
            <span className={styles.muted}>{isSlower ? "slower" : "faster"}</span>
          </li>
        );
      })}
    </ul>
  );
}
