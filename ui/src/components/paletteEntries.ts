import type { Facets, RunRow } from "@/api/schema";
import { plural } from "@/format/numbers";
import type { PageAction } from "./pageActions";

/** Where an entry of the palette leads, or what it does. */
export type Target =
  | { kind: "run"; flow: string; runId: string }
  | { kind: "task"; flow: string; runId: string; step: string; taskId: string }
  | { kind: "step"; flow: string; runId: string; step: string }
  | { kind: "flow"; flow: string }
  | { kind: "runsOf"; flow: string }
  | { kind: "startFlow"; flow: string }
  | { kind: "page"; path: "/" | "/compare" | "/start" | "/activity" }
  | { kind: "action"; run: () => void }
  | { kind: "theme" }
  | { kind: "shortcuts" };

export interface Entry {
  key: string;
  group: string;
  label: string;
  note: string;
  target: Target;
}

/** What there is to choose from beside pages. */
export interface Known {
  runs: readonly RunRow[];
  facets: Facets | undefined;
  canStart: boolean;
  /** What can be done on the page that is shown. */
  actions: readonly PageAction[];
}

const MOST_FLOWS = 5;

const COMMANDS: readonly Entry[] = [
  { key: "runs", group: "Go to", label: "Runs", note: "all runs of all flows", target: { kind: "page", path: "/" } },
  {
    key: "compare",
    group: "Go to",
    label: "Compare",
    note: "runs side by side",
    target: { kind: "page", path: "/compare" },
  },
  {
    key: "activity",
    group: "Go to",
    label: "Activity",
    note: "who did what",
    target: { kind: "page", path: "/activity" },
  },
  {
    key: "start",
    group: "Go to",
    label: "Start a run",
    note: "of a flow in the directory",
    target: { kind: "page", path: "/start" },
  },
  { key: "theme", group: "Do", label: "Switch between light and dark", note: "", target: { kind: "theme" } },
  { key: "shortcuts", group: "Do", label: "Show what the keyboard does", note: "?", target: { kind: "shortcuts" } },
];

/** What a text leads to: what it names outright, what can be done here, runs and flows that have it, then pages. */
export function entriesOf(text: string, { runs, facets, canStart, actions }: Known): Entry[] {
  const part = text.trim().toLowerCase();
  const words = part.split(/\s+/);
  const fits = (entry: Entry) => words.every((word) => `${entry.label} ${entry.note}`.toLowerCase().includes(word));
  const commands = COMMANDS.filter((entry) => (canStart || entry.key !== "start") && fits(entry));
  const here = actions.map(actionEntry).filter(fits);
  const flows = part === "" ? [] : (facets?.flows.names ?? []).slice(0, MOST_FLOWS);
  const found = [
    ...runs.map(runEntry),
    ...flows.flatMap(({ name, runs: count }) => flowEntries(name, count, canStart)),
  ];
  const all =
    part === "" ? [...commands, ...here, ...found] : [...outright(text.trim()), ...here, ...found, ...commands];
  const named = new Set<string>();
  return all.filter(({ key }) => !named.has(key) && named.add(key));
}

function actionEntry({ label, note = "", run }: PageAction): Entry {
  return { key: `action ${label}`, group: "Here", label, note, target: { kind: "action", run } };
}

function runEntry({ flow, run_id: runId, status, user }: RunRow): Entry {
  const name = `${flow}/${runId}`;
  const note = [status, user].filter(Boolean).join(", ");
  return { key: `run ${name}`, group: "Runs", label: name, note, target: { kind: "run", flow, runId } };
}

function flowEntries(flow: string, runs: number, canStart: boolean): Entry[] {
  const entry = (label: string, note: string, target: Target): Entry => ({
    key: `flow ${label}`,
    group: "Flows",
    label,
    note,
    target,
  });
  return [
    entry(flow, "page of the flow", { kind: "flow", flow }),
    entry(`Runs of ${flow}`, plural(runs, "run"), { kind: "runsOf", flow }),
    ...(canStart ? [entry(`Start ${flow}`, "with a form of its parameters", { kind: "startFlow", flow })] : []),
  ];
}

/** What `Flow/run`, `Flow/run/step` or `Flow/run/step/task` names, whether there is such a thing or not. */
function outright(text: string): Entry[] {
  const [flow, runId, step, taskId, ...rest] = text.split("/");
  if (!flow || !runId || rest.length > 0 || /\s/.test(text)) return [];
  if (step && taskId) {
    return [
      {
        key: "outright",
        group: "Go to",
        label: text,
        note: "task",
        target: { kind: "task", flow, runId, step, taskId },
      },
    ];
  }
  if (step)
    return [
      { key: "outright", group: "Go to", label: text, note: "step", target: { kind: "step", flow, runId, step } },
    ];
  return [
    { key: `run ${flow}/${runId}`, group: "Go to", label: text, note: "run", target: { kind: "run", flow, runId } },
  ];
}
