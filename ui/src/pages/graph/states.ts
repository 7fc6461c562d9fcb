import type { GraphEdge, GraphStep, GraphStepState, RunGraphState } from "@/api/schema";
import { formatDuration } from "@/format/duration";
import { formatCount, plural } from "@/format/numbers";
import { visible } from "@/format/untrusted";

/** What a step's box says of its state. `skipped`: the run is over, and no task ever came there. */
export type StepLook = "running" | "done" | "failed" | "killed" | "caught" | "waiting" | "skipped";
/** `taken`: tasks came by; `left`: tasks went another way; `ahead`: nobody knows yet. */
export type EdgeLook = "taken" | "left" | "ahead";

export const LOOK_WORDS: Record<StepLook, string> = {
  running: "Running",
  done: "Done",
  failed: "Failed",
  killed: "Killed",
  caught: "Caught",
  waiting: "Waiting",
  skipped: "Not run",
};

export const KIND_WORDS: Record<GraphStep["kind"], string> = {
  linear: "step",
  split: "split into branches",
  foreach: "foreach",
  parallel: "parallel",
  switch: "switch",
  join: "join",
};

/** States of steps by name, and of edges by `source→target`. */
export interface GraphLook {
  steps: ReadonlyMap<string, GraphStepState>;
  edges: ReadonlyMap<string, number | null>;
  isRunning: boolean;
}

export function edgeKey(source: string, target: string): string {
  return `${source}\u2192${target}`;
}

export function graphLook(state: RunGraphState | undefined): GraphLook {
  return {
    steps: new Map(state?.steps.map((step) => [step.step, step])),
    edges: new Map(state?.edges.map((edge) => [edgeKey(edge.source, edge.target), edge.tasks])),
    isRunning: state === undefined || state.status === "running",
  };
}

export function stepLook(look: GraphLook, name: string): StepLook {
  const state = look.steps.get(name);
  if (state === undefined || state.tasks === 0) return look.isRunning ? "waiting" : "skipped";
  if (state.running > 0) return look.isRunning ? "running" : "killed";
  if (state.failed > 0) return "failed";
  if (state.killed > 0) return "killed";
  if (look.isRunning && (state.expected ?? 0) > state.tasks) return "running";
  return state.caught > 0 ? "caught" : "done";
}

export function edgeLook(look: GraphLook, edge: GraphEdge): EdgeLook {
  const tasks = look.edges.get(edgeKey(edge.source, edge.target));
  if (tasks === null || (tasks ?? 0) > 0) return "taken";
  const source = look.steps.get(edge.source);
  const isOver = source !== undefined && source.running === 0 && source.done + source.caught > 0;
  const wentElsewhere = [...look.edges].some(
    ([key, count]) => key.startsWith(`${edge.source}\u2192`) && (count === null || count > 0),
  );
  return !look.isRunning || (isOver && wentElsewhere) ? "left" : "ahead";
}

/** How many of a step's tasks are finished, such as `37/100`; nothing for a single one that runs once. */
export function countText(state: GraphStepState | undefined, isRepeated: boolean): string {
  if (state === undefined) return "";
  const all = Math.max(state.expected ?? 0, state.tasks);
  if (all <= 1 && !isRepeated) return "";
  const finished = state.done + state.caught;
  return finished === all ? plural(all, "task") : `${formatCount(finished)}/${formatCount(all)} tasks`;
}

/** From the first start to the last end, or to now; null if nothing has started. */
export function secondsOf(state: GraphStepState | undefined, isRunning: boolean, now: number): number | null {
  const start = state?.started_at ?? null;
  if (start === null) return null;
  const end = state?.finished_at ?? (isRunning ? now : null);
  return end === null ? null : Math.max(0, end - start);
}

/** A step in words, for those who cannot see its box. */
export function stepInWords(step: GraphStep, look: GraphLook, targets: readonly GraphEdge[]): string {
  const state = look.steps.get(step.name);
  const kind = step.is_start ? "first step" : step.is_end ? "last step" : null;
  const seconds = secondsOf(state, false, 0);
  const parts = [
    visible(step.name),
    [kind, step.kind === "linear" ? (kind === null ? "step" : null) : KIND_WORDS[step.kind]]
      .filter((word) => word !== null)
      .join(", "),
    step.repeated_by === null ? null : `runs once for each item of the foreach in ${visible(step.repeated_by)}`,
    LOOK_WORDS[stepLook(look, step.name)].toLowerCase(),
    countText(state, step.repeated_by !== null) || null,
    state !== undefined && state.failed > 0 ? `${formatCount(state.failed)} failed` : null,
    state !== undefined && state.retried > 0 ? `${formatCount(state.retried)} tried again` : null,
    seconds === null ? null : `took ${formatDuration(seconds)}`,
    targets.length === 0 ? null : `leads to ${targets.map((edge) => targetInWords(edge, look)).join(", ")}`,
  ];
  return parts.filter((part) => part !== null).join("; ");
}

function targetInWords(edge: GraphEdge, look: GraphLook): string {
  const label = edge.label === "" ? "" : ` (${visible(edge.label)})`;
  const way = edgeLook(look, edge) === "left" ? ", not taken" : "";
  return `${visible(edge.target)}${label}${way}`;
}
