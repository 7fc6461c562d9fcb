import { one, several, type Search as Address } from "@/app/search";
import { LEVELS, type Level, type Search } from "./logSearch";

const STREAMS = ["both", "stdout", "stderr"] as const;
export type StreamChoice = (typeof STREAMS)[number];

/** Of which stream the lines are that the address asks for. */
export function streamOf(address: Address): StreamChoice {
  return STREAMS.find((each) => each === one(address, "stream")) ?? "both";
}

/** What the address says is looked for. */
export function searchOf(address: Address): Search {
  return {
    text: (one(address, "q") ?? "").slice(0, 1000),
    regex: one(address, "regex") === "1",
    case: one(address, "case") === "1",
    level: levelOf(address),
  };
}

function levelOf(address: Address): Level | null {
  return LEVELS.find((level) => level === one(address, "level")) ?? null;
}

/** A flag in the address: there, or not. */
export function flag(value: boolean): string | undefined {
  return value ? "1" : undefined;
}

export const STATUSES = ["running", "done", "failed", "killed"] as const;
export type TaskStatus = (typeof STATUSES)[number];

/** Of which tasks of a run the lines are that the address asks for. */
export interface RunLogFilter {
  steps: string[];
  statuses: TaskStatus[];
  latest: boolean;
}

export function runFilterOf(address: Address): RunLogFilter {
  return {
    steps: several(address, "logstep"),
    statuses: STATUSES.filter((status) => several(address, "logstatus").includes(status)),
    latest: one(address, "latest") === "1",
  };
}
