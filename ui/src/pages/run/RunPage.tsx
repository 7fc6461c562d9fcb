import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useCallback, type ComponentType } from "react";
import { ApiError } from "@/api/client";
import type { Search } from "@/app/search";
import type { RunViewProps, Selection } from "@/app/selection";
import { useTitle } from "@/app/title";
import { fetchedPart } from "@/components/fetchedPart";
import { useKeys, useShortcuts, type ShortcutGroup } from "@/components/shortcuts";
import { EmptyState, ErrorState } from "@/components/States";
import { Tabs } from "@/components/Tabs";
import { Untrusted } from "@/components/Untrusted";
import { useLiveRun } from "./live";
import { Overview } from "./Overview";
import { detailsQuery } from "./queries";
import { RunHeader } from "./RunHeader";
import { searchOfSelection, selectionOf, VIEWS, viewOf, type View } from "./search";

const TITLES: Record<View, string> = {
  overview: "Overview",
  timeline: "Timeline",
  graph: "Graph",
  tasks: "Tasks",
  logs: "Logs",
  code: "Code",
};

const TABS = VIEWS.map((key) => ({ key, label: TITLES[key] }));

const OTHER_VIEWS: Record<Exclude<View, "overview">, ComponentType<RunViewProps>> = {
  timeline: fetchedPart(async () => (await import("@/pages/timeline/TimelineView")).TimelineView),
  graph: fetchedPart(async () => (await import("@/pages/graph/GraphView")).GraphView),
  tasks: fetchedPart(async () => (await import("./TasksView")).TasksView),
  logs: fetchedPart(async () => (await import("@/pages/logs/RunLogs")).RunLogs),
  code: fetchedPart(async () => (await import("./CodeView")).CodeView),
};

const SHORTCUTS: ShortcutGroup = {
  title: "Run",
  shortcuts: [
    { keys: ["["], does: "Run of the flow before this one" },
    { keys: ["]"], does: "Run of the flow after this one" },
  ],
};

/** One run. */
export function RunPage() {
  const { flow, runId } = useParams({ from: "/runs/$flow/$runId" });
  // What belongs to one run is not kept for the next.
  return <PageOfRun key={`${flow}/${runId}`} flow={flow} runId={runId} />;
}

function PageOfRun({ flow, runId }: { flow: string; runId: string }) {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const details = useQuery(detailsQuery(flow, runId));
  const view = viewOf(search);
  useLiveRun(flow, runId);
  useTitle(...(view === "overview" ? [] : [TITLES[view]]), `${flow}/${runId}`);

  const show = useCallback(
    (next: View) =>
      void navigate({
        to: ".",
        search: (before: Search) => ({ ...before, view: next === "overview" ? undefined : next }),
      }),
    [navigate],
  );
  const select = useCallback(
    (selection: Selection | null) =>
      void navigate({
        to: ".",
        search: (before: Search) => ({ ...before, ...searchOfSelection(selection) }),
        replace: true,
      }),
    [navigate],
  );
  const visit = (other: string | null | undefined) => {
    if (other === null || other === undefined) return;
    void navigate({
      to: "/runs/$flow/$runId",
      params: { flow, runId: other },
      search: view === "overview" ? {} : { view },
    });
  };
  useShortcuts(SHORTCUTS);
  useKeys({
    "[": () => visit(details.data?.previous),
    "]": () => visit(details.data?.next),
  });

  // Somebody may have deleted the run while it was looked at: what was known of it is no longer so.
  const isGone = details.error instanceof ApiError && details.error.status === 404;
  if (details.isError && (details.data === undefined || isGone)) {
    return <NoRun flow={flow} runId={runId} error={details.error} onRetry={() => void details.refetch()} />;
  }
  const View = view === "overview" ? null : OTHER_VIEWS[view];
  return (
    <Tabs
      of="Run"
      tabs={TABS}
      selected={view}
      onSelect={show}
      head={<RunHeader flow={flow} runId={runId} details={details.data} view={view} />}
    >
      {View === null ? (
        <Overview flow={flow} runId={runId} details={details.data} />
      ) : (
        <View flow={flow} runId={runId} selection={selectionOf(search)} onSelect={select} />
      )}
    </Tabs>
  );
}

/** The run is not there, or nothing can be read of it. */
function NoRun({ flow, runId, error, onRetry }: { flow: string; runId: string; error: Error; onRetry: () => void }) {
  if (!(error instanceof ApiError) || error.status !== 404) {
    return <ErrorState error={error} title="The run cannot be shown" onRetry={onRetry} />;
  }
  const isDeleted = error.kind === "run_deleted";
  return (
    <EmptyState isPage icon="search" title={isDeleted ? "This run was deleted" : "There is no such run here"}>
      <p>
        <Untrusted text={error.message} />
      </p>
      <p>
        {(isDeleted || error.kind === "run_not_found") && (
          <Link to="/" search={{ flow }}>
            Runs of <Untrusted text={flow} />
          </Link>
        )}
        <Link to="/">All runs</Link>
      </p>
      <p className="visually-hidden">Asked for: {runId}</p>
    </EmptyState>
  );
}
