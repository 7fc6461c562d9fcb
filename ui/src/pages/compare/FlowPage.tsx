import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useRef } from "react";
import { ApiError } from "@/api/client";
import { listen } from "@/api/events";
import type { FlowHistory, HistoryField } from "@/api/schema";
import { one, several } from "@/app/search";
import { useTitle } from "@/app/title";
import { PointsChart, type ChartPoint } from "@/charts/PointsChart";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { save } from "@/components/picture";
import { EmptyState, ErrorState, Skeleton } from "@/components/States";
import { Untrusted } from "@/components/Untrusted";
import { csv } from "@/format/csv";
import { formatExactTime } from "@/format/time";
import { visible } from "@/format/untrusted";
import styles from "./ComparePage.module.css";
import { FlowTable } from "./FlowTable";
import { fieldKey, fieldTitle, historyRows, HISTORY_SIZES, shownValue } from "./history";
import { historyQuery } from "./queries";

const REFRESH_MILLISECONDS = 2_000;
const TELLING = new Set(["run_started", "run_ended", "run_forgotten", "tags_changed"]);
const DEFAULT_SIZE = 50;
const MOST_CHARTS = 12;

/** What the runs of one flow have come to, over time. */
export function FlowPage() {
  const { flow = "" } = useParams({ strict: false });
  useTitle(flow);
  const search = useSearch({ strict: false });
  const size = HISTORY_SIZES.find((each) => String(each) === one(search, "limit")) ?? DEFAULT_SIZE;
  const fields = several(search, "field");
  const byTime = one(search, "x") === "time";
  const history = useQuery({ ...historyQuery(flow, size, fields), placeholderData: (before) => before });
  const navigate = useNavigate();
  const change = (changed: Record<string, string | string[] | undefined>) =>
    void navigate({ to: ".", search: (before) => ({ ...before, ...changed }), replace: true });
  useFlowNews(flow);
  if (history.error instanceof ApiError && history.error.status === 404)
    return <NoFlow message={history.error.message} />;
  return (
    <div className={styles.page}>
      <header className={styles.header}>
        <h1>
          <Untrusted text={flow} />
        </h1>
        <Link to="/" search={{ flow }}>
          All runs of this flow
        </Link>
        <div className={styles.tools}>
          <label className={styles.check}>
            Last
            <select value={size} onChange={(event) => change({ limit: event.target.value })}>
              {HISTORY_SIZES.map((each) => (
                <option key={each} value={each}>
                  {each} runs
                </option>
              ))}
            </select>
          </label>
          <label className={styles.check}>
            <input
              type="checkbox"
              checked={byTime}
              onChange={(event) => change({ x: event.target.checked ? "time" : undefined })}
            />
            Over time
          </label>
          {history.data !== undefined && (
            <Button
              onClick={() =>
                save(`${flow}-history.csv`, new Blob([csv(historyRows(history.data))], { type: "text/csv" }))
              }
            >
              <Icon name="download" size={14} /> CSV
            </Button>
          )}
        </div>
      </header>
      {history.data !== undefined ? (
        <History history={history.data} byTime={byTime} onFields={(next) => change({ field: next })} />
      ) : history.isError ? (
        <ErrorState error={history.error} title="The flow cannot be shown" onRetry={() => void history.refetch()} />
      ) : (
        <Skeleton height="min(40rem, 70vh)" />
      )}
    </div>
  );
}

function NoFlow({ message }: { message: string }) {
  return (
    <EmptyState isPage icon="search" title="There is no such flow here">
      <p>
        <Untrusted text={message} />
      </p>
      <p>
        <Link to="/">All runs</Link>
      </p>
    </EmptyState>
  );
}

/** Read the history again when a run of the flow has started, ended, gone or got other tags. */
function useFlowNews(flow: string): void {
  const client = useQueryClient();
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => {
    const readSoon = () => {
      timer.current ??= window.setTimeout(() => {
        timer.current = undefined;
        void client.invalidateQueries({ queryKey: ["flow-history", flow] });
      }, REFRESH_MILLISECONDS);
    };
    const end = listen(
      { flow },
      (events) => {
        if (events.some((event) => TELLING.has(event.kind))) readSoon();
      },
      readSoon,
    );
    return () => {
      end();
      window.clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, [client, flow]);
}

function History({
  history,
  byTime,
  onFields,
}: {
  history: FlowHistory;
  byTime: boolean;
  onFields: (fields: string[]) => void;
}) {
  const shown = history.series.map((series) => fieldKey(series));
  const others = history.fields.filter((field) => !shown.includes(fieldKey(field)));
  return (
    <>
      <div className={styles.chartTools}>
        {history.series.map((series) => (
          <Button
            key={fieldKey(series)}
            label={`Do not show ${visible(fieldTitle(series))}`}
            disabled={shown.length === 1}
            onClick={() => onFields(shown.filter((each) => each !== fieldKey(series)))}
          >
            {visible(fieldTitle(series))} <Icon name="close" size={12} />
          </Button>
        ))}
        {others.length > 0 && shown.length < MOST_CHARTS && (
          <label>
            <span className="visually-hidden">Show also</span>
            <select value="" onChange={(event) => onFields([...shown, event.target.value])}>
              <option value="">Show also …</option>
              {others.map((field) => (
                <option key={fieldKey(field)} value={fieldKey(field)}>
                  {visible(optionText(field))}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      <div className={styles.grid}>
        {history.series.map((series) => (
          <SeriesChart key={fieldKey(series)} history={history} series={series} byTime={byTime} />
        ))}
      </div>
      <FlowTable history={history} />
    </>
  );
}

function optionText(field: HistoryField): string {
  return `${fieldTitle(field)} (${field.kind}${field.varies ? "" : ", always the same"})`;
}

function SeriesChart({
  history,
  series,
  byTime,
}: {
  history: FlowHistory;
  series: FlowHistory["series"][number];
  byTime: boolean;
}) {
  const navigate = useNavigate();
  const points = useMemo(
    () =>
      history.runs.flatMap((run, index): ChartPoint[] => {
        const value = series.values[index] ?? null;
        if (value === null) return [];
        const facts: [string, string][] = [
          [fieldTitle(series), shownValue(series, value)],
          ["status", run.status],
          ["started", formatExactTime(run.started_at)],
        ];
        return [
          {
            key: run.run_id,
            name: `${history.flow}/${run.run_id}`,
            facts,
            x: byTime ? run.started_at : index + 1,
            y: Number(value),
            isFailed: run.status === "failed",
          },
        ];
      }),
    [history, series, byTime],
  );
  const title = visible(fieldTitle(series));
  if (points.length === 0) return <EmptyState title={title}>None of these runs has a number of this name.</EmptyState>;
  return (
    <PointsChart
      title={title}
      height={250}
      x={byTime ? { label: "", unit: "time" } : { label: "runs, oldest first", isWhole: true }}
      y={{ label: "", unit: series.kind === "duration" ? "seconds" : null }}
      points={points}
      isLine
      onOpen={(runId) => void navigate({ to: "/runs/$flow/$runId", params: { flow: history.flow, runId } })}
    />
  );
}
