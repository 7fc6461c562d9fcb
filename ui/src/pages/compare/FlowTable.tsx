import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { FlowHistory } from "@/api/schema";
import { Button } from "@/components/Button";
import { Panel } from "@/components/Panel";
import { StatusBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import { Untrusted } from "@/components/Untrusted";
import { formatCount, plural } from "@/format/numbers";
import styles from "./FlowTable.module.css";
import { fieldKey, fieldTitle, shownValue } from "./history";
import { compareSearch, MOST_RUNS } from "./search";

const SHOWN_AT_ONCE = 100;

/** The runs of a flow with the numbers that are drawn, newest first; several can be chosen to be compared. */
export function FlowTable({ history }: { history: FlowHistory }) {
  const navigate = useNavigate();
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [most, setMost] = useState(SHOWN_AT_ONCE);
  const newest = history.runs.map((run, index) => ({ run, index })).reverse();
  const toggle = (runId: string) =>
    setChosen((before) =>
      before.includes(runId) ? before.filter((each) => each !== runId) : [...before, runId].slice(0, MOST_RUNS),
    );
  const compare = () => {
    const runs = newest.map(({ run }) => run.run_id).filter((runId) => chosen.includes(runId));
    const keys = runs.map((runId) => ({ flow: history.flow, runId }));
    void navigate({ to: "/compare", search: compareSearch(keys) });
  };
  return (
    <Panel
      title={`${plural(history.runs.length, "run")}${history.more ? ", the newest" : ""}`}
      actions={
        <Button kind="primary" disabled={chosen.length < 2} onClick={compare}>
          {chosen.length < 2 ? "Choose two runs to compare" : `Compare ${formatCount(chosen.length)} runs`}
        </Button>
      }
    >
      {/* A region that scrolls must be reachable by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className={styles.scroll} tabIndex={0} role="region" aria-label="Runs of the flow">
        <table className={styles.table}>
          <thead>
            <tr>
              <th>
                <span className="visually-hidden">Chosen</span>
              </th>
              <th>Run</th>
              <th>Status</th>
              <th>Started</th>
              <th>User</th>
              {history.series.map((series) => (
                <th key={fieldKey(series)} className={styles.number}>
                  <Untrusted text={fieldTitle(series)} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {newest.slice(0, most).map(({ run, index }) => (
              <tr key={run.run_id}>
                <td>
                  <input
                    type="checkbox"
                    aria-label={`Choose run ${run.run_id}`}
                    checked={chosen.includes(run.run_id)}
                    onChange={() => toggle(run.run_id)}
                  />
                </td>
                <td>
                  <Link to="/runs/$flow/$runId" params={{ flow: history.flow, runId: run.run_id }}>
                    <Untrusted text={run.run_id} />
                  </Link>
                </td>
                <td>
                  <StatusBadge status={run.status} />
                </td>
                <td>
                  <Time at={run.started_at} />
                </td>
                <td>
                  <Untrusted text={run.user} />
                </td>
                {history.series.map((series) => {
                  const value = series.values[index] ?? null;
                  const text = value === null ? (series.texts[index] ?? "–") : shownValue(series, value);
                  return (
                    <td key={fieldKey(series)} className={styles.number}>
                      <Untrusted text={text} />
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {newest.length > most && <Button onClick={() => setMost(newest.length)}>Show all</Button>}
    </Panel>
  );
}
