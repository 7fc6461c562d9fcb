import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { RunRow } from "@/api/schema";
import { useIsNarrow } from "@/app/media";
import { useTitle } from "@/app/title";
import { one, parseSearch, stringifySearch, type Search } from "@/app/search";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { ErrorState, Skeleton } from "@/components/States";
import { formatCount, plural } from "@/format/numbers";
import { compareSearch, type RunKey } from "@/pages/compare/search";
import { ColumnPicker } from "./ColumnPicker";
import {
  columnIdsOf,
  columnOf,
  columnOfOrder,
  columnsText,
  DEFAULT_COLUMNS,
  rememberColumns,
  withColumns,
  type Column,
} from "./columns";
import { FilterBar } from "./FilterBar";
import { filtersOf, searchOf, toggled, type Filters } from "./filters";
import { FlowsPanel } from "./FlowsPanel";
import { groupingOf } from "./grouping";
import { NoRuns } from "./NoRuns";
import { facetsQuery, keyOf, runOfKey, runsQuery } from "./queries";
import styles from "./RunsPage.module.css";
import { RunTable } from "./RunTable";
import { MOST_COMPARED, SelectionBar } from "./SelectionBar";
import { useListKeys } from "./useListKeys";
import { useLiveRuns } from "./useLiveRuns";
import { useSelection } from "./useSelection";
import { ViewTabs } from "./ViewTabs";

const NO_ROWS: readonly RunRow[] = [];

/** Who comes back from a run finds it marked. */
let lastActive: string | null = null;

/** The runs of all flows. */
export function RunsPage() {
  const view = useView();
  useTitle("Runs");
  const { filters, order, grouping, columns, change } = view;
  // Who has chosen columns finds all of them, also those that happen to be empty.
  const isUsual = columnsText(view.columnIds) === columnsText(DEFAULT_COLUMNS);
  const scroller = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const isNarrow = useIsNarrow();
  const facets = useQuery(facetsQuery(""));
  const known = {
    parameters: facets.data?.parameters.names ?? [],
    artifacts: facets.data?.artifacts.names ?? [],
  };
  const runs = useInfiniteQuery(runsQuery(view.list));
  const rows = useMemo(() => runs.data?.pages.flatMap((page) => page.runs) ?? NO_ROWS, [runs.data]);
  const shown = useMemo(
    () => (isUsual ? columns.filter((column) => isOfUse(column, rows)) : columns),
    [isUsual, columns, rows],
  );
  const live = useLiveRuns(view.list, scroller);
  const keys = useMemo(() => rows.map(keyOf), [rows]);
  const selection = useSelection(keys);
  const byKey = useMemo(() => new Map(rows.map((row) => [keyOf(row), row])), [rows]);
  // Also those that a filter or their end has taken out of the list since: what is counted is what is acted upon.
  const selected = useMemo(() => [...selection.keys].map(runOfKey), [selection.keys]);
  const [active, setActive] = useState(lastActive);
  useEffect(() => {
    lastActive = active;
  }, [active]);
  const go = useGoing(selected);
  useListKeys({
    order: keys,
    active,
    setActive,
    onOpen: (key) => {
      const run = byKey.get(key);
      if (run !== undefined) go.toRun(run);
    },
    onToggle: selection.toggle,
    onCompare: go.toComparison,
    onClear: () => selection.setAll(false),
  });
  const { fetchNextPage } = runs;
  const onMore = useCallback(() => void fetchNextPage({ cancelRefetch: false }), [fetchNextPage]);
  const onFilters = (next: Filters, isTyping = false) => change(searchOf(next), isTyping);
  const isEmpty = runs.isSuccess && rows.length === 0 && !runs.isPlaceholderData;
  return (
    <div className={styles.page}>
      <h1 className="visually-hidden">Runs</h1>
      <details className={styles.flows} open={!isNarrow}>
        <summary>Flows</summary>
        <FlowsPanel chosen={filters.flow} onToggle={(flow) => onFilters(toggled(filters, "flow", flow))} />
      </details>
      <div className={styles.runs}>
        <ViewTabs search={view.search} />
        <FilterBar filters={filters} known={known} onChange={onFilters} field={field} />
        <div className={styles.state}>
          <p role="status">{summaryOf(runs.data?.pages[0], rows.length)}</p>
          {live.waiting > 0 && (
            <Button kind="primary" className={styles.pill} onClick={live.show}>
              <Icon name="up" size={12} />
              {plural(live.waiting, "new run")}
            </Button>
          )}
          {runs.isError && rows.length > 0 && (
            <Button kind="danger" title={runs.error.message} onClick={() => void runs.refetch()}>
              <Icon name="warning" size={14} />
              Out of date: try again
            </Button>
          )}
          <div className={styles.how}>
            <label className={styles.group}>
              <span>Group by</span>
              <select
                value={grouping}
                onChange={(event) => change({ group: event.target.value || undefined, order: undefined })}
              >
                <option value="">nothing</option>
                <option value="flow">flow</option>
                <option value="user">user</option>
              </select>
            </label>
            {!isNarrow && (
              <ColumnPicker
                ids={view.columnIds}
                onChange={(ids) => {
                  rememberColumns(ids);
                  change({ columns: columnsText(ids) });
                }}
              />
            )}
          </div>
        </div>
        <p role="status" className="visually-hidden">
          {active !== null && spoken(byKey.get(active))}
        </p>
        {runs.isError && rows.length === 0 ? (
          <ErrorState error={runs.error} title="The runs cannot be shown" onRetry={() => void runs.refetch()} />
        ) : runs.isPending ? (
          <Skeleton lines={14} />
        ) : isEmpty ? (
          <NoRuns filters={filters} onChange={onFilters} />
        ) : (
          <RunTable
            runs={rows}
            columns={shown}
            order={order}
            onOrder={(next) => change({ order: next || undefined, group: undefined })}
            grouping={grouping}
            selection={selection}
            active={active}
            scroller={scroller}
            isNarrow={isNarrow}
            isOld={runs.isPlaceholderData}
            hasMore={runs.hasNextPage && !runs.isFetchingNextPage}
            onMore={onMore}
          />
        )}
        {selection.keys.size > 0 && (
          <SelectionBar runs={selected} onCompare={go.toComparison} onClear={() => selection.setAll(false)} />
        )}
      </div>
    </div>
  );
}

/** What the address says of the list. */
function useView() {
  const text = stringifySearch(useSearch({ strict: false }));
  const navigate = useNavigate();
  const view = useMemo(() => {
    const search = parseSearch(text);
    const filters = filtersOf(search);
    const grouping = groupingOf(one(search, "group"));
    const order = grouping === "" ? (one(search, "order") ?? "") : grouping;
    const columnIds = columnIdsOf(search);
    // What is filtered or sorted by is shown, too.
    const also = [...filters.where.map(({ kind, name }) => `${kind}:${name}`), columnOfOrder(order) ?? ""];
    const columns = withColumns(columnIds, also).flatMap((id) => columnOf(id) ?? []);
    const values = columns.filter((column) => column.value !== undefined).map((column) => column.id);
    return { search, filters, grouping, order, columnIds, columns, list: { filters, order, values } };
  }, [text]);
  const change = (next: Search, isPassing = false) => {
    void navigate({ to: "/", search: (before: Search) => ({ ...before, ...next }), replace: isPassing });
  };
  return { ...view, change };
}

function useGoing(selected: readonly RunKey[]) {
  const navigate = useNavigate();
  return {
    toRun: (run: RunRow) => void navigate({ to: "/runs/$flow/$runId", params: { flow: run.flow, runId: run.run_id } }),
    toComparison: () => {
      if (selected.length < 2 || selected.length > MOST_COMPARED) return;
      void navigate({ to: "/compare", search: compareSearch(selected) });
    },
  };
}

/** Projects are not for everybody: without any, their column only takes the room of others. */
function isOfUse(column: Column, runs: readonly RunRow[]): boolean {
  return column.id !== "project" || runs.some((run) => run.project !== null);
}

/** What a screen reader says of the run that keys act upon. */
function spoken(run: RunRow | undefined): string {
  return run === undefined ? "" : `${run.flow}, run ${run.run_id}, ${run.status}`;
}

function summaryOf(first: { total: number | null; total_is_exact: boolean } | undefined, loaded: number): string {
  if (first?.total === undefined || first.total === null) return "";
  const total = Math.max(first.total, first.total_is_exact ? 0 : loaded);
  if (first.total_is_exact) return plural(total, "run");
  return `${formatCount(total)}+ runs`;
}
