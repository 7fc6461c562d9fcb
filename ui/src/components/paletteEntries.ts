import type { Facets, RunRow } from "@/api/schema";

/** Where an entry of the palette leads, or what it does. */
export type Target =
  | { kind: "run"; flow: string; runId: string }
  | { kind: "task"; flow: string; runId: string; step: string; taskId: string }
  | { kind: "step"; flow: string; runId: string; step: string }
  | { kind: "flow"; flow: string }
  | { kind: "runsOf"; flow: string }
  | { kind: "page"; path: "/" | "/compare" | "/start" | "/activity" }
  | { kind: "theme" }
  | { kind: "shortcuts" };

export interface Entry {
  key: string;
  group: string;
  label: string;
  note: string;
  target: Target;
}

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

/** What a text leads to: what it names outright, then runs and flows that have it, then pages and commands. */
export function entriesOf(
  text: string,
  runs: readonly RunRow[],
  facets: Facets | undefined,
  canStart: boolean,
): Entry[] {
  const part = text.trim().toLowerCase();
  const commands = COMMANDS.filter((entry) => canStart || entry.key !== "start").filter(
    (entry) => part === "" || `${entry.label} ${entry.note}`.toLowerCase().includes(part),
  );
  const found: Entry[] = [...outright(text.trim())];
  for (const run of runs) {
    found.push({
      key: `run ${run.flow}/${run.run_id}`,
      group: "Runs",
      label: `${run.flow}/${run.run_id}`,
      note: [run.status, run.user].filter(Boolean).join(", "),
      target: { kind: "run", flow: run.flow, runId: run.run_id },
    });
  }
  const flows = part === "" ? [] : (facets?.flows.names ?? []).slice(0, 5);
  for (const { name, runs: count } of flows) {
    found.push({
      key: `flow ${name}`,
      group: "Flows",
      label: name,
      note: "page of the flow",
      target: { kind: "flow", flow: name },
    });
    found.push({
      key: `runs of ${name}`,
      group: "Flows",
      label: `Runs of ${name}`,
      note: `${count.toLocaleString("en")} ${count === 1 ? "run" : "runs"}`,
      target: { kind: "runsOf", flow: name },
    });
  }
  const named = new Set<string>();
  const all = part === "" ? [...commands, ...found] : [...found, ...commands];
  return all.filter(({ key }) => !named.has(key) && named.add(key));
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
