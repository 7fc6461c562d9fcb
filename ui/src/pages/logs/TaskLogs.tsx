import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { one } from "@/app/search";
import { ErrorState, Skeleton } from "@/components/States";
import { parseLineRange } from "./lineRange";
import { LogPanel } from "./LogPanel";
import { LogSearch } from "./logSearch";
import { searchOf, streamOf } from "./search";
import { TaskLogSource, type LogName } from "./taskLogSource";

export interface TaskLogsProps {
  flow: string;
  runId: string;
  step: string;
  taskId: string;
  /** The attempt whose log is shown. */
  attempt: number;
  /** Whether the attempt goes on, so that more lines come. */
  isRunning: boolean;
  /** When the attempt started, in seconds since the epoch: what times of lines are relative to. */
  startedAt: number;
}

/** What an attempt of a task printed. */
export function TaskLogs({ flow, runId, step, taskId, attempt, isRunning, startedAt }: TaskLogsProps) {
  const address = useSearch({ strict: false });
  const navigate = useNavigate();
  const stream = streamOf(address);
  const redraws = one(address, "redraws") === "1";
  const { text, regex, case: differs, level } = searchOf(address);
  const name: LogName = useMemo(
    () => ({ flow, runId, step, taskId, attempt, stream, redraws }),
    [flow, runId, step, taskId, attempt, stream, redraws],
  );
  const selected = parseLineRange(one(address, "line"));
  // Where it was opened: what is selected later is there already, and scrolls nothing away.
  const [openedAt] = useState(selected?.first ?? null);
  const [startsAtEnd] = useState(isRunning);
  const source = useMemo(
    () => new TaskLogSource(name, openedAt === null ? (startsAtEnd ? "tail" : "top") : { line: openedAt }),
    [name, openedAt, startsAtEnd],
  );
  const search = useMemo(
    () => new LogSearch(name, { text, regex, case: differs, level }),
    [name, text, regex, differs, level],
  );
  useEffect(() => source.start(), [source]);
  useEffect(() => search.start(), [search]);
  const state = useSyncExternalStore(source.subscribe, source.snapshot);
  const found = useSyncExternalStore(search.subscribe, search.snapshot);
  const facts = source.buffer.facts;
  const lines = facts?.total_lines ?? 0;
  useEffect(() => search.grown(lines), [search, lines]);

  if (facts === null || (openedAt !== null && state.openedAt === null)) {
    if (state.error !== null) {
      return <ErrorState title="The log cannot be shown" error={state.error} onRetry={source.retry} />;
    }
    return <Skeleton height="24rem" />;
  }
  return (
    <LogPanel
      key={`${stream}${redraws}`}
      source={source}
      state={state}
      facts={facts}
      found={found}
      search={{ text, regex, case: differs, level }}
      selected={selected}
      only={one(address, "only") === "1"}
      startedAt={startedAt}
      onAddress={(part, replace = true) =>
        void navigate({ to: ".", search: (before) => ({ ...before, ...part }), replace, resetScroll: false })
      }
    />
  );
}
