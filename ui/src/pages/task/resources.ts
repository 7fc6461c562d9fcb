import type { ResourcePoint, ResourceSuggestion, TaskResources } from "@/api/schema";
import { byteUnit, formatBytes, formatNumber, MEGABYTE } from "@/format/numbers";

export interface Series {
  name: string;
  values: readonly (number | null)[];
}

export interface Chart {
  title: string;
  times: readonly number[];
  series: readonly Series[];
  /** What was asked for, drawn as a line. */
  limit: { value: number; label: string } | null;
  format: (value: number) => string;
  /** What the end of the axis is a round number of, for what is drawn at most. */
  unitOf: (highest: number) => number;
}

const one = () => 1;

/** The curves that say something: what was never used is left out. */
export function chartsOf({ points, asked }: TaskResources): Chart[] {
  // A point is about the time from the one before on: the first one, from the start on.
  const [first] = points;
  const shown = first === undefined ? [] : [{ ...first, at: 0 }, ...points];
  const times = shown.map((point) => point.at);
  const of = (name: string, pick: (point: ResourcePoint) => number | null) => ({ name, values: shown.map(pick) });
  const limit = (value: number | undefined, label: string) => (value === undefined ? null : { value, label });
  const cores = (value: number) => `${formatNumber(value, 3)} cores`;
  const memory = asked.memory === undefined ? undefined : asked.memory * MEGABYTE;
  const charts: Chart[] = [
    {
      title: "Processor cores",
      times,
      series: [of("in use", (point) => point.cpu)],
      limit: limit(asked.cpu, "asked for"),
      format: cores,
      unitOf: one,
    },
    {
      title: "Memory",
      times,
      series: [of("resident", (point) => point.memory)],
      limit: limit(memory, "asked for"),
      format: formatBytes,
      unitOf: byteUnit,
    },
    {
      title: "Disk",
      times,
      series: [of("read", (point) => point.read_rate), of("written", (point) => point.write_rate)],
      limit: null,
      format: (value) => `${formatBytes(value)}/s`,
      unitOf: byteUnit,
    },
    {
      title: "GPUs",
      times,
      series: [of("busy", (point) => point.gpu)],
      limit: limit(asked.gpu, "asked for"),
      format: (value) => `${formatNumber(value, 3)} GPUs`,
      unitOf: one,
    },
    {
      title: "GPU memory",
      times,
      series: [of("taken", (point) => point.gpu_memory)],
      limit: null,
      format: formatBytes,
      unitOf: byteUnit,
    },
  ];
  return charts.filter(
    (chart, index) =>
      index < 2 || chart.series.some((each) => each.values.some((value) => value !== null && value > 0)),
  );
}

/** What a suggestion says. */
export function suggestionWords({ kind, amount, asked, used, reason }: ResourceSuggestion): string {
  if (kind === "gpu") return `No GPU was used, and ${formatNumber(asked ?? 0)} asked for.`;
  const words = kind === "memory" ? (value: number) => formatBytes(value * MEGABYTE) : coreWords;
  const what = kind === "memory" ? "Memory" : "Processors";
  const need = words(amount);
  if (reason === "unasked" || asked === null) return `${what}: ${words(used)} at most; ${need} would do.`;
  if (reason === "too_little")
    return `${what}: ${words(used)} at most, more than the ${words(asked)} asked for; ask for ${need}.`;
  return `${what}: ${words(used)} at most of the ${words(asked)} asked for; ${need} would do.`;
}

function coreWords(value: number): string {
  return `${formatNumber(value, 2)} ${value === 1 ? "core" : "cores"}`;
}

/** The decorator that asks for it, with what is asked for and about right. */
export function requestLine(suggestions: readonly ResourceSuggestion[], asked: TaskResources["asked"]): string {
  const wanted = new Map(Object.entries(asked));
  for (const each of suggestions) {
    if (each.amount > 0) wanted.set(each.kind, each.amount);
    else wanted.delete(each.kind);
  }
  const words = ["cpu", "memory", "gpu"].flatMap((kind) => {
    const amount = wanted.get(kind);
    return amount === undefined ? [] : [`${kind}=${amount}`];
  });
  return `@resources(${words.join(", ")})`;
}
