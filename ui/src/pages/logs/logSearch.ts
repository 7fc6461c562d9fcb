import type { LogRowMatch } from "@/api/schema";
import { ApiError, api, body } from "@/api/client";
import type { LogName } from "./taskLogSource";
import { logQuery } from "./taskLogSource";

/** What is looked for. */
export interface Search {
  text: string;
  regex: boolean;
  case: boolean;
  level: Level | null;
}

export const LEVELS = ["debug", "info", "warning", "error"] as const;
export type Level = (typeof LEVELS)[number];

export function isNothing(search: Search): boolean {
  return search.text === "" && search.level === null;
}

export interface SearchState {
  matches: readonly LogRowMatch[];
  /** Place among the matches by line. */
  byLine: ReadonlyMap<number, number>;
  searching: boolean;
  searchedLines: number;
  totalLines: number;
  /** Whether there are more than are kept. */
  isCut: boolean;
  error: string | null;
}

const NO_SEARCH: SearchState = {
  matches: [],
  byLine: new Map(),
  searching: false,
  searchedLines: 0,
  totalLines: 0,
  isCut: false,
  error: null,
};

/** Lines that are kept of a search. */
const MOST_MATCHES = 20_000;

/** Searches a log part by part, from its beginning, and goes on when it has grown. */
export class LogSearch {
  private state: SearchState = NO_SEARCH;
  private readonly watchers = new Set<() => void>();
  private abort = new AbortController();
  private version: number | null = null;
  private isBusy = false;

  constructor(
    private readonly name: LogName,
    private readonly search: Search,
  ) {}

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  snapshot = (): SearchState => this.state;

  start(): () => void {
    this.abort = new AbortController();
    this.isBusy = false;
    this.change(NO_SEARCH);
    if (!isNothing(this.search)) void this.goOn();
    return () => this.abort.abort();
  }

  /** The log has so many lines now. */
  grown(lines: number): void {
    if (!isNothing(this.search) && lines > this.state.searchedLines && this.state.error === null) void this.goOn();
  }

  private async goOn(): Promise<void> {
    if (this.isBusy || this.state.isCut) return;
    this.isBusy = true;
    const signal = this.abort.signal;
    this.change({ searching: true });
    try {
      for (let next: number | null = this.state.searchedLines + 1; next !== null && !signal.aborted;) {
        next = await this.part(next, signal);
      }
      if (!signal.aborted) this.change({ searching: false });
    } catch (error) {
      if (signal.aborted) return;
      this.change({ searching: false, error: error instanceof ApiError ? error.message : String(error) });
    } finally {
      if (this.abort.signal === signal) this.isBusy = false;
    }
  }

  private async part(from: number, signal: AbortSignal): Promise<number | null> {
    const { text, regex, level } = this.search;
    const query = {
      ...logQuery(this.name),
      from_line: from,
      case: this.search.case,
      ...(level === null ? { q: text, regex } : { level }),
    };
    const found = body(await api.GET("/api/v1/task/log/search", { params: { query }, signal }));
    if (this.version !== null && this.version !== found.version && from > 1) {
      this.version = found.version; // what was searched is no longer there
      this.change({ ...NO_SEARCH, searching: true });
      return 1;
    }
    this.version = found.version;
    const more = found.matches.map((match) => ({
      ...match,
      spans: match.spans.map(([begin = 0, end = 0]): [number, number] => [begin, end]),
    }));
    const matches = [...this.state.matches, ...more];
    const byLine = new Map(this.state.byLine);
    found.matches.forEach((match, index) => byLine.set(match.line, this.state.matches.length + index));
    const isCut = matches.length >= MOST_MATCHES;
    this.change({
      matches,
      byLine,
      isCut,
      searchedLines: found.searched_lines,
      totalLines: found.total_lines,
      error: found.is_too_slow ? "This pattern takes too long. Make it simpler, or search for a plain text." : null,
    });
    return isCut || found.is_too_slow ? null : (found.next ?? null);
  }

  private change(part: Partial<SearchState>): void {
    this.state = { ...this.state, ...part };
    for (const watcher of this.watchers) watcher();
  }
}

/** The match to go to: the one behind a row, or before it, around the ends. */
export function nextMatch(matches: readonly LogRowMatch[], row: number, direction: 1 | -1): number | null {
  if (matches.length === 0) return null;
  let low = 0;
  let high = matches.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((matches[middle]?.row ?? 0) < row + (direction === 1 ? 1 : 0)) low = middle + 1;
    else high = middle;
  }
  const place = direction === 1 ? low : low - 1;
  return (place + matches.length) % matches.length;
}
