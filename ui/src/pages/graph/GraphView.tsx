import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import type { RunGraph } from "@/api/schema";
import { useNow } from "@/app/clock";
import { one } from "@/app/search";
import type { RunViewProps } from "@/app/selection";
import { EmptyState, ErrorState, Skeleton } from "@/components/States";
import { Untrusted } from "@/components/Untrusted";
import { plural } from "@/format/numbers";
import { GraphFrame } from "./GraphFrame";
import styles from "./GraphView.module.css";
import { graphQuery } from "./queries";
import { graphLook } from "./states";
import { StepPanel } from "./StepPanel";
import { useLiveGraph } from "./useLiveGraph";

/** The graph of a run with its state. */
export function GraphView({ flow, runId, selection, onSelect }: RunViewProps) {
  const search = useSearch({ strict: false });
  const across = one(search, "direction") === "across";
  const graph = useQuery({ ...graphQuery(flow, runId, across), placeholderData: (before) => before });
  const state = useLiveGraph(flow, runId);
  const look = useMemo(() => graphLook(state.data), [state.data]);
  const now = useNow();
  const navigate = useNavigate();

  if (graph.isError && graph.data === undefined)
    return <ErrorState title="The graph cannot be shown" error={graph.error} onRetry={() => void graph.refetch()} />;
  if (graph.data === undefined) return <Skeleton height="min(36rem, 70vh)" />;
  if (graph.data.steps.length === 0)
    return (
      <EmptyState title="There is no graph to show">
        {graph.data.incomplete ?? "Neither the run's record nor its tasks say anything of it."}
      </EmptyState>
    );
  const selected = graph.data.steps.find((step) => step.name === selection?.step);
  const select = (step: string | null, taskId?: string) => onSelect(step === null ? null : { step, taskId });
  const open = (step: string) =>
    void navigate({ to: ".", search: (before) => ({ ...before, view: "tasks", step, in: step }) });
  return (
    <div className={styles.view}>
      <div className={styles.main}>
        <Notes graph={graph.data} stateError={state.isError ? state.error : null} />
        <GraphFrame
          key={`${graph.data.across}`}
          graph={graph.data}
          look={look}
          now={now}
          selected={selected?.name ?? null}
          onSelect={select}
          onOpen={open}
          onTurn={() =>
            void navigate({
              to: ".",
              replace: true,
              search: (before) => ({ ...before, direction: across ? undefined : "across" }),
            })
          }
        />
      </div>
      {selected !== undefined && (
        <StepPanel
          flow={flow}
          runId={runId}
          step={selected}
          edges={graph.data.edges}
          look={look}
          now={now}
          onSelect={select}
          onClose={() => select(null)}
        />
      )}
    </div>
  );
}

function Notes({ graph, stateError }: { graph: RunGraph; stateError: Error | null }) {
  const notes = [
    graph.incomplete,
    graph.left_out > 0 ? `${plural(graph.left_out, "further step")} are not drawn: the graph is too large.` : null,
    stateError === null ? null : `How the steps are doing is not known: ${stateError.message}`,
  ];
  return notes.map(
    (note) =>
      note !== null && (
        <p key={note} className={styles.note} role="status">
          <Untrusted text={note} />
        </p>
      ),
  );
}
