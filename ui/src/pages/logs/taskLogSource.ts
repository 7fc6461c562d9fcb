import type { LogPage } from "@/api/schema";
import { ApiError, api, body } from "@/api/client";
import { LiveStream, addressOf, problemOf } from "./liveStream";
import { LogBuffer } from "./logBuffer";

/** Which log, and what of it. */
export interface LogName {
  flow: string;
  runId: string;
  step: string;
  taskId: string;
  attempt: number;
  stream: "both" | "stdout" | "stderr";
  redraws: boolean;
}

export type Beginning = { line: number } | "tail" | "top";

export interface SourceState {
  revision: number;
  /** Why rows could not be read, until they could. */
  error: unknown;
  /** Whether more is to come, and is heard of at once. */
  live: "live" | "over" | "connecting";
  /** A later attempt that has begun meanwhile. */
  laterAttempt: number | null;
  /** Row of the line that the log was opened at. */
  openedAt: number | null;
}

const PAGE = 250;
const RETRY_MILLISECONDS = 1_500;

/** The query that names an attempt of a task. */
export function taskQuery({ flow, runId, step, taskId, attempt }: LogName) {
  return { flow, run_id: runId, step, task_id: taskId, attempt };
}

/** The query that names its log, and what of it. */
export function logQuery(name: LogName) {
  return { ...taskQuery(name), stream: name.stream, redraws: name.redraws };
}

/** Reads pages of a log when they are looked at, and hears of what is new. */
export class TaskLogSource {
  readonly buffer = new LogBuffer();
  private state: SourceState = { revision: 0, error: null, live: "connecting", laterAttempt: null, openedAt: null };
  private readonly watchers = new Set<() => void>();
  private readonly asked = new Set<number>();
  private looked: [begin: number, end: number] = [0, 0];
  private abort = new AbortController();
  private timers = new Set<number>();
  private readonly stream: LiveStream;

  constructor(
    readonly name: LogName,
    private readonly beginning: Beginning,
  ) {
    this.stream = new LiveStream({
      address: () => this.address(),
      // What is wrong is told anew to whoever connects.
      onLive: (isLive) => this.change(isLive ? { live: "live", error: null } : { live: "connecting" }),
      events: {
        rows: (data) => {
          this.buffer.addGrowth(data as LogPage);
          this.change({ live: "live" });
        },
        reset: () => this.change({}),
        attempt: (data) => this.change({ laterAttempt: (data as { attempt: number }).attempt }),
        problem: (data) => this.change({ error: problemOf(data) }),
        end: (data) => this.end((data as { status: LogPage["status"] }).status),
      },
    });
  }

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  snapshot = (): SourceState => this.state;

  /** Begin to read; gives a function that ends it. */
  start(): () => void {
    this.abort = new AbortController();
    void this.open();
    return () => {
      this.abort.abort();
      this.stream.stop();
      for (const timer of this.timers) window.clearTimeout(timer);
      this.timers.clear();
      this.asked.clear();
    };
  }

  /** Have rows from one place to another, with some around them. */
  ensure(begin: number, end: number): void {
    this.looked = [begin, end];
    const last = Math.ceil(Math.min(end, this.buffer.total) / PAGE);
    for (let page = Math.floor(Math.max(0, begin) / PAGE); page < last; page += 1) {
      const first = page * PAGE;
      if (this.asked.has(page) || this.buffer.has(first, Math.min(first + PAGE, this.buffer.total))) continue;
      this.asked.add(page);
      void this.read({ from: first, limit: PAGE }).finally(() => this.asked.delete(page));
    }
  }

  /** The row that shows a line, read now with what is around it. */
  async rowOfLine(line: number): Promise<number | null> {
    const page = await this.read({ line, limit: PAGE });
    return page === null ? null : rowOf(page, line);
  }

  retry = (): void => {
    this.change({ error: null });
    if (this.buffer.facts === null) void this.open();
    else this.ensure(...this.looked);
  };

  private async open(): Promise<void> {
    const beginning = this.beginning;
    const page = await this.read(
      beginning === "tail"
        ? { tail: true, limit: PAGE }
        : beginning === "top"
          ? { limit: PAGE }
          : { line: beginning.line, limit: PAGE },
    );
    if (page === null) return;
    if (typeof beginning === "object") this.change({ openedAt: rowOf(page, beginning.line) });
    this.follow();
  }

  private async read(query: { from?: number; line?: number; tail?: boolean; limit: number }): Promise<LogPage | null> {
    const signal = this.abort.signal;
    try {
      const page = body(
        await api.GET("/api/v1/task/log", { params: { query: { ...logQuery(this.name), ...query } }, signal }),
      );
      this.buffer.addPage(page);
      this.change({ error: null });
      return page;
    } catch (error) {
      if (signal.aborted) return null;
      this.change({ error });
      if (error instanceof ApiError && error.isPassing) this.later(RETRY_MILLISECONDS, this.retry);
      return null;
    }
  }

  private follow(): void {
    const facts = this.buffer.facts;
    if (facts === null || this.abort.signal.aborted) return;
    if (facts.status === "running") {
      this.stream.start();
      return;
    }
    this.change({
      live: "over",
      laterAttempt: facts.latest_attempt > facts.attempt ? facts.latest_attempt : null,
    });
  }

  /** Where what is new is told, from behind what is known. */
  private address(): string | null {
    const facts = this.buffer.facts;
    if (facts === null) return null;
    const known = { known: facts.total_lines, version: facts.version };
    return addressOf("/api/v1/task/log/stream", { ...known, ...logQuery(this.name) });
  }

  private end(status: LogPage["status"]): void {
    this.stream.stop();
    if (this.buffer.facts !== null) this.buffer.facts.status = status;
    this.change({ live: "over" });
  }

  private later(milliseconds: number, act: () => void): void {
    const timer = window.setTimeout(() => {
      this.timers.delete(timer);
      act();
    }, milliseconds);
    this.timers.add(timer);
  }

  private change(part: Partial<SourceState>): void {
    this.state = { ...this.state, ...part, revision: this.state.revision + 1 };
    for (const watcher of this.watchers) watcher();
  }
}

function rowOf(page: LogPage, line: number): number {
  let place = page.first_row;
  page.rows.forEach((row, index) => {
    if (row.line <= line) place = page.first_row + index;
  });
  return place;
}
