import { one, several, type Search } from "@/app/search";

/** A run by its names. */
export interface RunKey {
  flow: string;
  runId: string;
}

/** Which differences of a number are good. */
export type Better = "higher" | "lower";
export type ChartKind = "bars" | "scatter" | "parallel";

/** What the address of the page of comparisons holds. */
export interface CompareView {
  runs: RunKey[];
  /** The run that the others are compared with: one of `runs`, if there are any. */
  baseline: RunKey | null;
  /** Whether rows in which all runs agree are shown too. */
  showAll: boolean;
  /** Sections that are folded. */
  folded: string[];
  filter: string;
  chart: ChartKind | null;
  /** Rows that are drawn, as `section:name`. */
  fields: string[];
  better: ReadonlyMap<string, Better>;
}

export const MOST_RUNS = 50;
export const NO_RUN_BEFORE = "There is no earlier run of this flow";
export const NO_SUCCESS = "No earlier run of this flow has succeeded";

export function sameRun(one: RunKey, other: RunKey): boolean {
  return one.flow === other.flow && one.runId === other.runId;
}

/** `Flow/id`, as it stands in addresses and in texts for people. */
export function pathspec({ flow, runId }: RunKey): string {
  return `${flow}/${runId}`;
}

// Names may hold any character; those that part runs from each other are escaped.
function escaped(run: RunKey): string {
  return pathspec(run).replace(/[%,]/g, encodeURIComponent);
}

function runOf(text: string): RunKey | null {
  let plain = text.trim();
  try {
    plain = decodeURIComponent(plain);
  } catch {
    // A percent sign that somebody typed.
  }
  const slash = plain.indexOf("/");
  return slash <= 0 || slash === plain.length - 1
    ? null
    : { flow: plain.slice(0, slash), runId: plain.slice(slash + 1) };
}

/** Runs of an address, each once and not too many. */
export function readRuns(texts: readonly string[]): RunKey[] {
  const found: RunKey[] = [];
  for (const text of texts.flatMap((each) => each.split(","))) {
    const run = runOf(text);
    if (run !== null && !found.some((each) => sameRun(each, run))) found.push(run);
  }
  return found.slice(0, MOST_RUNS);
}

export function writeRuns(runs: readonly RunKey[]): string | undefined {
  return runs.length === 0 ? undefined : runs.map(escaped).join(",");
}

/** The part of an address that a list of runs makes; for links from other pages. */
export function compareSearch(runs: readonly RunKey[], baseline?: RunKey): { runs?: string; baseline?: string } {
  const found: { runs?: string; baseline?: string } = {};
  const texts = writeRuns(runs);
  if (texts !== undefined) found.runs = texts;
  if (baseline !== undefined) found.baseline = escaped(baseline);
  return found;
}

export function readView(search: Search): CompareView {
  const runs = readRuns(several(search, "runs"));
  const named = runOf(one(search, "baseline") ?? "");
  const baseline = runs.find((run) => named !== null && sameRun(run, named)) ?? runs[0] ?? null;
  const chart = one(search, "chart");
  const better = new Map<string, Better>();
  for (const direction of ["higher", "lower"] as const)
    for (const field of several(search, direction)) better.set(field, direction);
  return {
    runs,
    baseline,
    showAll: one(search, "all") === "1",
    folded: several(search, "folded"),
    filter: one(search, "filter") ?? "",
    chart: chart === "bars" || chart === "scatter" || chart === "parallel" ? chart : null,
    fields: several(search, "field"),
    better,
  };
}

export function writeView(view: CompareView): Search {
  const chosen = (direction: Better) =>
    [...view.better].filter(([, each]) => each === direction).map(([field]) => field);
  const isFirst = view.baseline === null || view.runs[0] === undefined || sameRun(view.baseline, view.runs[0]);
  return {
    runs: writeRuns(view.runs),
    baseline: isFirst || view.baseline === null ? undefined : escaped(view.baseline),
    all: view.showAll ? "1" : undefined,
    folded: view.folded,
    filter: view.filter,
    chart: view.chart ?? undefined,
    field: view.fields,
    higher: chosen("higher"),
    lower: chosen("lower"),
  };
}

/** The same list with one run at another place. */
export function reordered(runs: readonly RunKey[], run: RunKey, before: number): RunKey[] {
  const rest = runs.filter((each) => !sameRun(each, run));
  const place = Math.max(0, Math.min(before, rest.length));
  return [...rest.slice(0, place), run, ...rest.slice(place)];
}
