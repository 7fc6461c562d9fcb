import type { RunLogLine, RunLogPage } from "@/api/schema";
import { api, body } from "@/api/client";
import { LiveStream, addressOf, problemOf } from "./liveStream";
import type { RunLogFilter, StreamChoice } from "./search";

export interface RunTailState {
  lines: readonly RunLogLine[];
  /** How many lines were put before those that were there first. */
  prepended: number;
  earlier: string | null;
  live: "live" | "over" | "connecting";
  /** How many of the attempts have been looked through so far; null while nothing is looked for. */
  looking: { done: number; total: number } | null;
  error: unknown;
  /** Tasks whose logs could not be read. */
  unreadable: number;
  isCut: boolean;
  /** Lines that came too fast to be sent. */
  skipped: number;
}

/** Lines that are kept; the page of a task has all of its own. */
export const MOST_LINES = 20_000;
const PAGE = 300;

const NOTHING: RunTailState = {
  lines: [],
  prepended: 0,
  earlier: null,
  live: "connecting",
  looking: { done: 0, total: 0 },
  error: null,
  unreadable: 0,
  isCut: false,
  skipped: 0,
};

/** Lines at the end; of too many, those at the beginning go. */
export function appended(before: readonly RunLogLine[], more: readonly RunLogLine[], most = MOST_LINES) {
  const lines = [...before, ...more];
  const dropped = Math.max(0, lines.length - most);
  return { lines: dropped === 0 ? lines : lines.slice(dropped), dropped };
}

/** The query of the routes of a run's logs. */
export function runLogQuery(flow: string, runId: string, stream: StreamChoice, filter: RunLogFilter) {
  return { flow, run_id: runId, stream, step: filter.steps, status: filter.statuses, latest: filter.latest };
}

/** The last lines of all tasks of a run, those before them, and those that come. */
export class RunTail {
  private state: RunTailState = NOTHING;
  private readonly watchers = new Set<() => void>();
  private abort = new AbortController();
  private later: string | null = null;
  private readonly stream: LiveStream;

  constructor(private readonly query: ReturnType<typeof runLogQuery>) {
    this.stream = new LiveStream({
      address: () =>
        addressOf("/api/v1/run/logs/stream", { ...query, ...(this.later === null ? {} : { after: this.later }) }),
      // What is wrong is told anew to whoever connects.
      onLive: (isLive) => this.change(isLive ? { live: "live", error: null } : { live: "connecting" }),
      events: {
        lines: (data, id) => this.add(data as { lines: RunLogLine[]; skipped: number }, id),
        problem: (data) => this.change({ error: problemOf(data) }),
        end: () => {
          this.stream.stop();
          this.change({ live: "over" });
        },
      },
    });
  }

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  snapshot = (): RunTailState => this.state;

  start(): () => void {
    this.abort = new AbortController();
    void this.open();
    return () => {
      this.abort.abort();
      this.stream.stop();
    };
  }

  open = async (): Promise<void> => {
    this.change(NOTHING);
    const page = await this.read(undefined);
    if (page === null) return;
    this.later = page.later ?? null;
    this.stream.start();
    await this.goOn(page);
  };

  /** Read what came before. */
  async back(): Promise<void> {
    const before = this.state.earlier;
    if (before === null || this.state.looking !== null || this.state.lines.length >= MOST_LINES) return;
    const page = await this.read(before);
    if (page !== null) await this.goOn(page);
  }

  /** Take in a page and, as long as the server has found less than a page in its time, those before it. */
  private async goOn(first: RunLogPage): Promise<void> {
    let found = 0;
    let page: RunLogPage | null = first;
    while (page !== null) {
      found += page.lines.length;
      const earlier: string | null = page.earlier ?? null;
      const goesOn: boolean = page.is_partial && earlier !== null && found < PAGE;
      this.change({
        lines: [...page.lines, ...this.state.lines],
        prepended: this.state.prepended + (this.state.lines.length === 0 ? 0 : page.lines.length),
        earlier,
        unreadable: this.state.unreadable + page.unreadable.length,
        isCut: page.is_cut,
        looking: goesOn ? { done: page.looked_at, total: page.total } : null,
      });
      page = goesOn && earlier !== null ? await this.read(earlier) : null;
    }
  }

  private async read(before: string | undefined): Promise<RunLogPage | null> {
    const signal = this.abort.signal;
    if (this.state.looking === null) this.change({ looking: { done: 0, total: 0 } });
    try {
      const query = { ...this.query, limit: PAGE, ...(before === undefined ? {} : { before }) };
      const page = body(await api.GET("/api/v1/run/logs", { params: { query }, signal }));
      if (signal.aborted) return null;
      this.change({ error: null });
      return page;
    } catch (error) {
      if (!signal.aborted) this.change({ looking: null, error });
      return null;
    }
  }

  private add({ lines, skipped }: { lines: RunLogLine[]; skipped: number }, id: string): void {
    if (id !== "") this.later = id;
    const after = appended(this.state.lines, lines);
    // What was dropped is no longer there to be gone back from.
    this.change({
      lines: after.lines,
      skipped: this.state.skipped + skipped,
      ...(after.dropped > 0 ? { earlier: null } : {}),
    });
  }

  private change(part: Partial<RunTailState>): void {
    this.state = { ...this.state, ...part };
    for (const watcher of this.watchers) watcher();
  }
}
