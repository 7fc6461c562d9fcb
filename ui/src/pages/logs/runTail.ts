import type { RunLogLine } from "@/api/schema";
import { ApiError, api, body } from "@/api/client";
import type { RunLogFilter, StreamChoice } from "./search";

export interface RunTailState {
  lines: readonly RunLogLine[];
  /** How many lines were put before those that were there first. */
  prepended: number;
  earlier: string | null;
  live: "live" | "over" | "connecting";
  loading: boolean;
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
const RETRY_MILLISECONDS = 1_500;
const HIDDEN_MILLISECONDS = 10_000;

const NOTHING: RunTailState = {
  lines: [],
  prepended: 0,
  earlier: null,
  live: "connecting",
  loading: true,
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
  private events: EventSource | null = null;
  private timer: number | undefined;
  private hiding: number | undefined;

  constructor(private readonly query: ReturnType<typeof runLogQuery>) {}

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  snapshot = (): RunTailState => this.state;

  start(): () => void {
    this.abort = new AbortController();
    document.addEventListener("visibilitychange", this.onVisibility);
    void this.open();
    return () => {
      document.removeEventListener("visibilitychange", this.onVisibility);
      this.abort.abort();
      this.close();
      window.clearTimeout(this.timer);
      window.clearTimeout(this.hiding);
    };
  }

  open = async (): Promise<void> => {
    this.change(NOTHING);
    const page = await this.read(undefined);
    if (page === null) return;
    this.later = page.later ?? null;
    this.change({
      lines: page.lines,
      earlier: page.earlier ?? null,
      unreadable: page.unreadable.length,
      isCut: page.is_cut,
    });
    this.follow();
  };

  /** Read what came before. */
  async back(): Promise<void> {
    const before = this.state.earlier;
    if (before === null || this.state.loading || this.state.lines.length >= MOST_LINES) return;
    const page = await this.read(before);
    if (page === null) return;
    this.change({
      lines: [...page.lines, ...this.state.lines],
      prepended: this.state.prepended + page.lines.length,
      earlier: page.earlier ?? null,
    });
  }

  private async read(before: string | undefined) {
    const signal = this.abort.signal;
    this.change({ loading: true });
    try {
      const query = { ...this.query, limit: PAGE, ...(before === undefined ? {} : { before }) };
      const page = body(await api.GET("/api/v1/run/logs", { params: { query }, signal }));
      this.change({ loading: false, error: null });
      return page;
    } catch (error) {
      if (!signal.aborted) this.change({ loading: false, error });
      return null;
    }
  }

  private follow(): void {
    if (this.events !== null || this.abort.signal.aborted || this.state.live === "over") return;
    if (document.hidden) return; // until somebody looks
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(this.query)) {
      for (const each of Array.isArray(value) ? value : [value]) query.append(key, String(each));
    }
    if (this.later !== null) query.set("after", this.later);
    const events = new EventSource(`/api/v1/run/logs/stream?${query.toString()}`);
    this.events = events;
    const on = (kind: string, act: (data: unknown, id: string) => void) =>
      events.addEventListener(kind, (message: MessageEvent<string>) =>
        act(JSON.parse(message.data), message.lastEventId),
      );
    events.onopen = () => this.change({ live: "live" });
    on("lines", (data, id) => {
      const { lines, skipped } = data as { lines: RunLogLine[]; skipped: number };
      if (id !== "") this.later = id;
      const after = appended(this.state.lines, lines);
      // What was dropped is no longer there to be gone back from.
      this.change({
        lines: after.lines,
        skipped: this.state.skipped + skipped,
        ...(after.dropped > 0 ? { earlier: null } : {}),
      });
    });
    on("problem", (data) => this.change({ error: new ApiError(503, "log", (data as { message: string }).message) }));
    on("end", () => {
      this.close();
      this.change({ live: "over" });
    });
    events.addEventListener("closing", () => this.reopen());
    events.onerror = () => this.reopen();
  }

  private reopen(): void {
    this.close();
    this.change({ live: "connecting" });
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.follow(), RETRY_MILLISECONDS);
  }

  private close(): void {
    this.events?.close();
    this.events = null;
  }

  // Browsers allow few connections to one server: pages that nobody looks at give theirs back.
  private readonly onVisibility = () => {
    window.clearTimeout(this.hiding);
    if (document.hidden) this.hiding = window.setTimeout(() => this.close(), HIDDEN_MILLISECONDS);
    else if (!this.state.loading) this.follow();
  };

  private change(part: Partial<RunTailState>): void {
    this.state = { ...this.state, ...part };
    for (const watcher of this.watchers) watcher();
  }
}
