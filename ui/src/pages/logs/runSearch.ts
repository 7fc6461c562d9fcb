import type { RunLogMatches } from "@/api/schema";
import { ApiError, api, body } from "@/api/client";
import type { Search } from "./logSearch";
import type { runLogQuery } from "./runTail";

export interface RunSearchState {
  groups: readonly RunLogMatches[];
  lines: number;
  searched: number;
  total: number;
  searching: boolean;
  /** Where to go on when somebody wants more. */
  next: string | null;
  unreadable: number;
  isCut: boolean;
  error: string | null;
}

const NOTHING: RunSearchState = {
  groups: [],
  lines: 0,
  searched: 0,
  total: 0,
  searching: false,
  next: null,
  unreadable: 0,
  isCut: false,
  error: null,
};

/** Lines after which a search waits for somebody to want more. */
const ENOUGH = 1_000;

/** Searches the logs of all tasks of a run; what is found is shown as it comes. */
export class RunSearch {
  private state: RunSearchState = NOTHING;
  private readonly watchers = new Set<() => void>();
  private abort = new AbortController();

  constructor(
    private readonly query: ReturnType<typeof runLogQuery>,
    private readonly search: Search,
  ) {}

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  snapshot = (): RunSearchState => this.state;

  start(): () => void {
    this.abort = new AbortController();
    this.change(NOTHING);
    void this.goOn();
    return () => this.abort.abort();
  }

  goOn = async (): Promise<void> => {
    const signal = this.abort.signal;
    const wanted = this.state.lines + ENOUGH;
    this.change({ searching: true, error: null });
    try {
      do await this.part(signal);
      while (this.state.next !== null && this.state.lines < wanted && this.state.error === null);
      this.change({ searching: false });
    } catch (error) {
      if (signal.aborted) return;
      this.change({ searching: false, error: error instanceof ApiError ? error.message : String(error) });
    }
  };

  private async part(signal: AbortSignal): Promise<void> {
    const { text, regex, case: differs, level } = this.search;
    const query = {
      ...this.query,
      case: differs,
      ...(level === null ? { q: text, regex } : { level }),
      ...(this.state.next === null ? {} : { cursor: this.state.next }),
    };
    const found = body(await api.GET("/api/v1/run/logs/search", { params: { query }, signal }));
    const groups = found.groups.map((group) => ({
      ...group,
      matches: group.matches.map((match) => ({
        ...match,
        spans: match.spans.map(([begin = 0, end = 0]): [number, number] => [begin, end]),
      })),
    }));
    this.change({
      groups: [...this.state.groups, ...groups],
      lines: this.state.lines + groups.reduce((sum, group) => sum + group.matches.length, 0),
      searched: found.searched,
      total: found.total,
      next: found.next ?? null,
      unreadable: this.state.unreadable + found.unreadable.length,
      isCut: found.is_cut,
      error: found.is_too_slow ? "This pattern takes too long. Make it simpler, or search for a plain text." : null,
    });
  }

  private change(part: Partial<RunSearchState>): void {
    this.state = { ...this.state, ...part };
    for (const watcher of this.watchers) watcher();
  }
}
