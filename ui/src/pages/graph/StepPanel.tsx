import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { GraphEdge, GraphStep } from "@/api/schema";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { KeyValue } from "@/components/KeyValue";
import { Panel } from "@/components/Panel";
import { ErrorState, Skeleton } from "@/components/States";
import { StatusBadge } from "@/components/StatusBadge";
import { Duration } from "@/components/Time";
import { Untrusted } from "@/components/Untrusted";
import { formatDuration } from "@/format/duration";
import { formatCount } from "@/format/numbers";
import styles from "./GraphView.module.css";
import { newestTasksQuery, SHOWN_TASKS } from "./queries";
import { edgeLook, KIND_WORDS, LOOK_WORDS, secondsOf, stepLook, type GraphLook } from "./states";

interface StepPanelProps {
  flow: string;
  runId: string;
  step: GraphStep;
  edges: readonly GraphEdge[];
  look: GraphLook;
  now: number;
  onSelect: (step: string, taskId?: string) => void;
  onClose: () => void;
}

/** What is known of the selected step. */
export function StepPanel({ step, edges, look, now, onSelect, onClose, ...run }: StepPanelProps) {
  const state = look.steps.get(step.name);
  const seconds = secondsOf(state, look.isRunning, now);
  const place = step.is_start ? "first step" : step.is_end ? "last step" : null;
  const kind =
    step.kind === "linear" && place !== null
      ? place
      : [place, KIND_WORDS[step.kind]].filter((word) => word !== null).join(", ");
  const facts: [string, React.ReactNode][] = [["Kind", kind]];
  if (step.condition !== "") facts.push(["Decides by", <Untrusted key="condition" text={step.condition} />]);
  if (step.repeated_by !== null)
    facts.push(["Repeated by", <Untrusted key="by" text={`foreach of ${step.repeated_by}`} />]);
  facts.push(["State", LOOK_WORDS[stepLook(look, step.name)]]);
  if (seconds !== null) facts.push(["Duration", formatDuration(seconds)]);
  if (step.file !== "")
    facts.push([
      "Source",
      <Untrusted key="file" text={step.line === null ? step.file : `${step.file}, line ${step.line}`} />,
    ]);
  return (
    <aside className={styles.panel} aria-label={`Step ${step.name}`}>
      <Panel
        title={
          <span className={styles.panelTitle}>
            <Untrusted text={step.name} />
          </span>
        }
        actions={
          <Button kind="quiet" label="Close" onClick={onClose}>
            <Icon name="close" size={14} />
          </Button>
        }
      >
        <div className={styles.parts}>
          {step.doc !== "" && (
            <p className={styles.doc}>
              <Untrusted text={step.doc} />
            </p>
          )}
          <KeyValue entries={facts} />
          <Counts state={state} />
          <Ways step={step} edges={edges} look={look} onSelect={onSelect} />
          {step.decorators.length > 0 && (
            <section>
              <h3>Decorators</h3>
              <ul className={styles.list}>
                {step.decorators.map((each, index) => (
                  <li key={index}>
                    <code>
                      <Untrusted text={`@${each.name}${each.attributes === "" ? "" : `(${each.attributes})`}`} />
                    </code>
                  </li>
                ))}
              </ul>
            </section>
          )}
          {state !== undefined && state.tasks > 0 && (
            <NewestTasks {...run} step={step.name} all={state.tasks} version={JSON.stringify(state)} />
          )}
        </div>
      </Panel>
    </aside>
  );
}

function Counts({ state }: { state: ReturnType<GraphLook["steps"]["get"]> }) {
  if (state === undefined) return null;
  const waiting = Math.max(0, (state.expected ?? 0) - state.tasks);
  const counts = [
    ["running", state.running],
    ["done", state.done],
    ["failed, caught", state.caught],
    ["failed", state.failed],
    ["killed", state.killed],
    ["to come", waiting],
    ["tried again", state.retried],
    ["taken over from another run", state.cloned],
  ] as const;
  const entries = counts.filter(([, count]) => count > 0).map(([name, count]) => [name, formatCount(count)] as const);
  return (
    <section>
      <h3>Tasks</h3>
      <KeyValue entries={entries} />
    </section>
  );
}

function Ways({ step, edges, look, onSelect }: Pick<StepPanelProps, "step" | "edges" | "look" | "onSelect">) {
  const out = edges.filter((edge) => edge.source === step.name);
  if (out.length === 0) return null;
  return (
    <section>
      <h3>Leads to</h3>
      <ul className={styles.list}>
        {out.map((edge) => (
          <li key={edge.target}>
            <button type="button" className={styles.linkLike} onClick={() => onSelect(edge.target)}>
              <Untrusted text={edge.target} />
            </button>
            {edge.label !== "" && (
              <>
                {" – "}
                <Untrusted text={edge.label} />
              </>
            )}
            {step.kind === "switch" && { taken: " (taken)", left: " (not taken)", ahead: "" }[edgeLook(look, edge)]}
          </li>
        ))}
      </ul>
    </section>
  );
}

interface NewestTasksProps {
  flow: string;
  runId: string;
  step: string;
  all: number;
  /** Changes when the tasks are to be read again. */
  version: string;
}

function NewestTasks({ flow, runId, step, all, version }: NewestTasksProps) {
  const tasks = useQuery(newestTasksQuery(flow, runId, step, version));
  return (
    <section>
      <h3>{all > SHOWN_TASKS ? `The newest ${SHOWN_TASKS} of ${formatCount(all)} tasks` : "Tasks"}</h3>
      {tasks.isError ? (
        <ErrorState error={tasks.error} onRetry={() => void tasks.refetch()} />
      ) : tasks.data === undefined ? (
        <Skeleton lines={Math.min(all, SHOWN_TASKS)} />
      ) : (
        <ul className={styles.list}>
          {tasks.data.tasks.map(({ status = "running", ...task }) => (
            <li key={task.task_id} className={styles.task}>
              <StatusBadge status={status} compact />
              <Link
                className={styles.taskName}
                to="/runs/$flow/$runId/tasks/$step/$taskId"
                params={{ flow, runId, step, taskId: task.task_id }}
              >
                <Untrusted text={taskName(task.task_id, task.foreach_stack)} />
              </Link>
              <Duration from={task.started_at} to={task.finished_at} isRunning={status === "running"} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** A task by its id and, in foreaches, by the values that it works on. */
function taskName(id: string, stack: readonly (readonly (string | number)[])[] | undefined): string {
  const path = stack?.map(([, value, index]) => (value === "" ? `#${index}` : String(value))).join(" / ") ?? "";
  return path === "" ? `task ${id}` : `${id}: ${path}`;
}
