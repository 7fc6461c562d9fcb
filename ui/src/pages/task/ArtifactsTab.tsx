import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { one, type Search } from "@/app/search";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { SearchField } from "@/components/SearchField";
import { EmptyState, ErrorState, Skeleton } from "@/components/States";
import { formatBytes, formatCount, plural } from "@/format/numbers";
import { ArtifactTable } from "./ArtifactTable";
import styles from "./ArtifactsTab.module.css";
import type { TaskAddress } from "./address";
import { artifactsQuery, type ArtifactFilter, type ArtifactOrder } from "./queries";

const ORDERS: Record<ArtifactOrder, string> = {
  state: "Made here first",
  name: "By name",
  type: "By type",
  size: "Largest first",
};

function filterOf(search: Search): ArtifactFilter {
  const order = one(search, "order") as ArtifactOrder | undefined;
  return {
    search: one(search, "find") ?? "",
    isPrivate: one(search, "private") === "1",
    order: order !== undefined && order in ORDERS ? order : "state",
  };
}

interface ArtifactsTabProps {
  task: TaskAddress;
  attempt: number;
  isRunning: boolean;
}

/** What an attempt left: its artifacts, told from those that it only passed on. */
export function ArtifactsTab({ task, attempt, isRunning }: ArtifactsTabProps) {
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const filter = filterOf(search);
  const pages = useInfiniteQuery({ ...artifactsQuery(task, attempt, filter), enabled: !isRunning });
  const change = (more: Search) =>
    void navigate({ to: ".", search: (before) => ({ ...before, ...more }), replace: true, resetScroll: false });
  if (isRunning) {
    return (
      <EmptyState icon="running" title="The task still runs">
        What it leaves is saved when its step is over, and will be shown here then.
      </EmptyState>
    );
  }
  const first = pages.data?.pages[0];
  if (pages.isError && first === undefined) {
    return (
      <ErrorState title="There are no artifacts to show" error={pages.error} onRetry={() => void pages.refetch()} />
    );
  }
  const rows = pages.data?.pages.flatMap((page) => page.artifacts) ?? [];
  return (
    <div className={styles.tab}>
      <div className={styles.tools}>
        <SearchField
          label="Search artifacts"
          placeholder="Name, type or value"
          value={filter.search}
          onChange={(text) => change({ find: text, artifact: undefined })}
        />
        <label>
          <span className="visually-hidden">Order</span>
          <select value={filter.order} onChange={(event) => change({ order: orderOf(event.target.value) })}>
            {Object.entries(ORDERS).map(([key, word]) => (
              <option key={key} value={key}>
                {word}
              </option>
            ))}
          </select>
        </label>
        {first !== undefined && first.private > 0 && (
          <label className={styles.private}>
            <input
              type="checkbox"
              checked={filter.isPrivate}
              onChange={(event) => change({ private: event.target.checked ? "1" : undefined })}
            />
            {formatCount(first.private)} private
          </label>
        )}
        {first !== undefined && (
          <span className={styles.count} role="status">
            {filter.search === "" ? plural(first.public, "artifact") : `${formatCount(first.found)} found`},{" "}
            {formatBytes(first.bytes)} in all
          </span>
        )}
      </div>
      {first === undefined ? (
        <Skeleton lines={8} />
      ) : rows.length === 0 ? (
        <NoArtifacts isSearch={filter.search !== ""} onClear={() => change({ find: undefined })} />
      ) : (
        <ArtifactTable
          task={task}
          attempt={attempt}
          rows={rows}
          open={one(search, "artifact")}
          onOpen={(name) => change({ artifact: name })}
        />
      )}
      {first !== undefined && first.compared_with < first.compared_of && (
        <p className={styles.note}>
          <Icon name="info" size={14} /> What is new or changed was told by {formatCount(first.compared_with)} of the{" "}
          {plural(first.compared_of, "task")} that this one read from.
        </p>
      )}
      {pages.hasNextPage && (
        <Button disabled={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
          Show more of {formatCount(first?.found ?? 0)}
        </Button>
      )}
    </div>
  );
}

function orderOf(value: string): string | undefined {
  return value === "state" ? undefined : value;
}

function NoArtifacts({ isSearch, onClear }: { isSearch: boolean; onClear: () => void }) {
  if (!isSearch) {
    return (
      <EmptyState title="No artifacts">
        A step leaves what it assigns to <code>self</code>. This one has assigned nothing, and passed on nothing.
      </EmptyState>
    );
  }
  return (
    <EmptyState icon="search" title="No artifact has all of these words">
      <Button onClick={onClear}>Show all</Button>
    </EmptyState>
  );
}
