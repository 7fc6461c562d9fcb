import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef } from "react";
import { useRunEvents, type LiveEvent } from "@/api/events";

/** What is read again when a run, and when one of its tasks, has changed. */
const OF_RUN = ["record", "details", "failure", "changes", "results", "steps"];
const OF_TASKS = ["steps", "tasks"];
const OF_FAILURES = ["failure", "changes"];
/** A change is shown soon, the next one after a pause. */
const FIRST_MILLISECONDS = 150;
const PAUSE_MILLISECONDS = 800;

/** Which answers about a run what happened makes out of date. */
export function outdatedBy(events: readonly LiveEvent[]): Set<string> {
  const found = new Set<string>();
  const add = (parts: readonly string[]) => parts.forEach((part) => found.add(part));
  for (const event of events) {
    if (event.kind === "heartbeat") continue;
    if (event.kind === "task_started" || event.kind === "task_ended") {
      add(OF_TASKS);
      if (event.kind === "task_ended" && hasFailed(event)) add(OF_FAILURES);
    } else {
      add(OF_RUN);
    }
  }
  return found;
}

function hasFailed(event: LiveEvent): boolean {
  const task = event.data.task;
  return typeof task === "object" && task !== null && "status" in task && task.status === "failed";
}

/** Keep what a page shows of a run up to date: read again at most once a second, and only what is shown. */
export function useLiveRun(flow: string, runId: string): void {
  const client = useQueryClient();
  const refresher = useRef<Refresher | null>(null);
  useEffect(() => {
    const made = new Refresher((parts) => refresh(client, flow, runId, parts));
    refresher.current = made;
    return () => made.stop();
  }, [client, flow, runId]);
  const onEvents = useCallback((events: LiveEvent[]) => refresher.current?.note(outdatedBy(events)), []);
  const onReset = useCallback(
    () => void client.invalidateQueries({ queryKey: ["run", flow, runId] }),
    [client, flow, runId],
  );
  useRunEvents(flow, runId, onEvents, onReset);
}

/** Reads again what is out of date, one time after the other with a pause between; nothing that is noted is lost. */
export class Refresher {
  private readonly outdated = new Set<string>();
  private timer: number | undefined;
  private isReading = false;
  private isStopped = false;

  constructor(private readonly read: (parts: readonly string[]) => Promise<void>) {}

  note(parts: Iterable<string>): void {
    for (const part of parts) this.outdated.add(part);
    this.schedule(FIRST_MILLISECONDS);
  }

  stop(): void {
    this.isStopped = true;
    window.clearTimeout(this.timer);
  }

  private schedule(milliseconds: number): void {
    if (this.isStopped || this.isReading || this.timer !== undefined || this.outdated.size === 0) return;
    this.timer = window.setTimeout(() => void this.run(), milliseconds);
  }

  private async run(): Promise<void> {
    const parts = [...this.outdated];
    this.outdated.clear();
    this.timer = undefined;
    this.isReading = true;
    try {
      await this.read(parts);
    } finally {
      this.isReading = false;
      this.schedule(PAUSE_MILLISECONDS);
    }
  }
}

async function refresh(client: QueryClient, flow: string, runId: string, parts: readonly string[]): Promise<void> {
  // What is on its way now may have been read before it changed: so it is asked for anew.
  await Promise.all(parts.map((part) => client.invalidateQueries({ queryKey: ["run", flow, runId, part] })));
}
