import { useEffect, useSyncExternalStore } from "react";

/** What happened, as the service's log has it; `kind` is such as `RunStarted`, `TaskEnded`, `TagsChanged`. */
export interface LiveEvent {
  id: number;
  kind: string;
  data: Record<string, unknown>;
}

export type Connection = "connecting" | "live" | "broken";

type Listener = (events: LiveEvent[]) => void;
type ResetListener = () => void;

const KINDS = ["run_started", "run_ended", "run_forgotten", "heartbeat", "task_started", "task_ended", "tags_changed"];
const RETRY_MILLISECONDS = 1_000;
const RECENT_SECONDS = 10;
/** Events are handed on together, at most so often: a wide foreach has thousands a second. */
const BATCH_MILLISECONDS = 100;
/** Browsers allow few connections to one server: pages that nobody looks at give theirs back. */
const HIDDEN_MILLISECONDS = 10_000;

/** One stream of events for all that want the same: all runs, a flow's, or one run's. */
class Stream {
  private source: EventSource | null = null;
  private readonly listeners = new Set<Listener>();
  private readonly resetListeners = new Set<ResetListener>();
  private waiting: LiveEvent[] = [];
  private timer: number | undefined;
  private retry: number | undefined;
  private lastId: number | null = null;
  private hiding: number | undefined;
  private readonly onVisibility = () => this.follow(document.hidden);

  constructor(
    private readonly query: string,
    private readonly report: (stream: Stream, connection: Connection | null) => void,
  ) {}

  add(listener: Listener, onReset: ResetListener): void {
    this.listeners.add(listener);
    this.resetListeners.add(onReset);
    if (this.listeners.size > 1) return;
    document.addEventListener("visibilitychange", this.onVisibility);
    // Pages that were opened in the background may be many, and would take the connections of the one in front.
    if (!document.hidden) this.open();
  }

  remove(listener: Listener, onReset: ResetListener): boolean {
    this.listeners.delete(listener);
    this.resetListeners.delete(onReset);
    if (this.listeners.size > 0) return false;
    document.removeEventListener("visibilitychange", this.onVisibility);
    window.clearTimeout(this.hiding);
    this.close();
    this.report(this, null);
    return true;
  }

  private follow(hidden: boolean): void {
    window.clearTimeout(this.hiding);
    if (hidden) this.hiding = window.setTimeout(() => this.close(), HIDDEN_MILLISECONDS);
    else if (this.source === null && this.retry === undefined) {
      const hasNeverListened = this.lastId === null;
      this.open();
      // What the page shows was read when it was opened, which may be long ago.
      if (hasNeverListened) for (const onReset of this.resetListeners) onReset();
    }
  }

  private open(): void {
    this.retry = undefined;
    this.report(this, "connecting");
    // What the page shows was read a moment before it listens: begin with what was recent.
    const from = this.lastId === null ? `recent=${RECENT_SECONDS}` : `after=${this.lastId}`;
    const source = new EventSource(`/api/v1/events/stream?${this.query}${this.query && "&"}${from}`);
    this.source = source;
    source.addEventListener("ready", (message) => {
      this.report(this, "live");
      this.note(message);
    });
    source.addEventListener("reset", (message) => {
      this.note(message);
      for (const onReset of this.resetListeners) onReset();
    });
    for (const kind of KINDS) source.addEventListener(kind, (message) => this.receive(kind, message));
    for (const ending of ["slow", "closing"]) source.addEventListener(ending, () => this.reopen());
    source.onerror = () => this.reopen();
  }

  private note(message: MessageEvent<unknown>): void {
    const { last_id: lastId } = JSON.parse(String(message.data)) as { last_id?: number };
    if (lastId !== undefined) this.lastId = Math.max(lastId, this.lastId ?? 0);
  }

  private receive(kind: string, message: MessageEvent<unknown>): void {
    this.lastId = Number(message.lastEventId);
    this.waiting.push({ id: this.lastId, kind, data: JSON.parse(String(message.data)) as Record<string, unknown> });
    this.timer ??= window.setTimeout(() => this.handOn(), BATCH_MILLISECONDS);
  }

  private handOn(): void {
    window.clearTimeout(this.timer);
    this.timer = undefined;
    const events = this.waiting;
    this.waiting = [];
    if (events.length > 0) for (const listener of this.listeners) listener(events);
  }

  /** Connect again behind the last event that is known; the browser's own way gives up on some errors. */
  private reopen(): void {
    this.source?.close();
    this.source = null;
    this.report(this, "broken");
    this.retry ??= window.setTimeout(() => this.open(), RETRY_MILLISECONDS);
  }

  private close(): void {
    this.source?.close();
    this.source = null;
    window.clearTimeout(this.retry);
    this.retry = undefined;
    // They count as known when it is opened again.
    this.handOn();
  }
}

const streams = new Map<string, Stream>();
const connections = new Map<Stream, Connection>();
const watchers = new Set<() => void>();

function reported(stream: Stream, connection: Connection | null): void {
  if (connection === null) connections.delete(stream);
  else connections.set(stream, connection);
  for (const watcher of watchers) watcher();
}

/** Listen to what happens; gives a function that ends it. Without `flow` and `runId`: to all runs. */
export function listen(
  filter: { flow?: string; runId?: string },
  listener: Listener,
  onReset: ResetListener = () => undefined,
): () => void {
  const query = new URLSearchParams();
  if (filter.flow !== undefined) query.set("flow", filter.flow);
  if (filter.runId !== undefined) query.set("run_id", filter.runId);
  const key = query.toString();
  let stream = streams.get(key);
  if (stream === undefined) {
    stream = new Stream(key, reported);
    streams.set(key, stream);
  }
  const used = stream;
  used.add(listener, onReset);
  return () => {
    if (used.remove(listener, onReset)) streams.delete(key);
  };
}

/**
 * Call `listener` with what happens in a run while the component is shown, in batches of about a tenth of a second.
 * `onReset` is called when events were missed for good: then everything is to be read again. Both must be stable
 * (useCallback).
 */
export function useRunEvents(flow: string, runId: string, listener: Listener, onReset: ResetListener): void {
  useEffect(() => listen({ flow, runId }, listener, onReset), [flow, runId, listener, onReset]);
}

/** The same for all runs. */
export function useAllEvents(listener: Listener, onReset: ResetListener): void {
  useEffect(() => listen({}, listener, onReset), [listener, onReset]);
}

/** Whether the page hears what happens: the worst of its streams; null if it listens to none. */
export function useConnection(): Connection | null {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => {
      const all = new Set(connections.values());
      for (const state of ["broken", "connecting", "live"] as const) if (all.has(state)) return state;
      return null;
    },
  );
}
