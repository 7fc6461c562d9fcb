import { ApiError } from "@/api/client";

const RETRY_MILLISECONDS = 1_500;
const HIDDEN_MILLISECONDS = 10_000;

export interface LiveStreamOptions {
  /** Where to connect now; null while there is nothing to be heard. */
  address: () => string | null;
  /** What to do with each kind of event: its data, and its id if it has one. */
  events: Readonly<Record<string, (data: unknown, id: string) => void>>;
  /** Told whether the server is being heard. */
  onLive: (isLive: boolean) => void;
}

/** Server-sent events: connected to again when they break, and let go of while nobody looks. */
export class LiveStream {
  private source: EventSource | null = null;
  private retry: number | undefined;
  private hiding: number | undefined;
  private isOn = false;

  constructor(private readonly options: LiveStreamOptions) {}

  /** Be connected from now on. */
  start(): void {
    if (!this.isOn) document.addEventListener("visibilitychange", this.onVisibility);
    this.isOn = true;
    this.connect();
  }

  /** Hear nothing more. */
  stop(): void {
    this.isOn = false;
    document.removeEventListener("visibilitychange", this.onVisibility);
    window.clearTimeout(this.retry);
    window.clearTimeout(this.hiding);
    this.close();
  }

  private connect(): void {
    if (!this.isOn || this.source !== null || document.hidden) return;
    const address = this.options.address();
    if (address === null) return;
    const source = new EventSource(address);
    this.source = source;
    source.onopen = () => this.options.onLive(true);
    for (const [kind, act] of Object.entries(this.options.events)) {
      source.addEventListener(kind, (message: MessageEvent<string>) =>
        act(JSON.parse(message.data), message.lastEventId),
      );
    }
    source.addEventListener("closing", this.reconnect);
    source.onerror = this.reconnect;
  }

  private readonly reconnect = (): void => {
    this.close();
    this.options.onLive(false);
    window.clearTimeout(this.retry);
    this.retry = window.setTimeout(() => this.connect(), RETRY_MILLISECONDS);
  };

  private close(): void {
    this.source?.close();
    this.source = null;
  }

  // Browsers allow few connections to one server: pages that nobody looks at give theirs back.
  private readonly onVisibility = (): void => {
    window.clearTimeout(this.hiding);
    if (document.hidden) this.hiding = window.setTimeout(() => this.close(), HIDDEN_MILLISECONDS);
    else this.connect();
  };
}

/** What an event says to be wrong with what is followed; null if nothing is any more. */
export function problemOf(data: unknown): ApiError | null {
  const { message } = data as { message: string };
  return message === "" ? null : new ApiError(503, "log", message);
}

/** An address with a query; a value that is a list is named again for each of its items. */
export function addressOf(path: string, query: Readonly<Record<string, unknown>>): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? (value as unknown[]) : [value]) parameters.append(key, String(each));
  }
  return `${path}?${parameters.toString()}`;
}
