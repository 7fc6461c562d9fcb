// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { api } from "@/api/client";
import { addressOf } from "./liveStream";
import { RunTail, runLogQuery } from "./runTail";
import { TaskLogSource, type LogName } from "./taskLogSource";

const line = (number: number) => ({
  step: "s",
  task_id: "1",
  attempt: 0,
  foreach: "",
  line: number,
  text: `${number}`,
});

function page(lines: number[], earlier: string | null, lookedAt: number) {
  const rest = { later: "end", has_later: false, unreadable: [], is_cut: false, total: 100 };
  return { ...rest, lines: lines.map(line), earlier, is_partial: earlier !== null, looked_at: lookedAt };
}

const QUERY = runLogQuery("F", "1", "both", { steps: ["a", "b"], statuses: [], latest: false });

class Source {
  onopen = () => {};
  private readonly acts = new Map<string, (message: { data: string; lastEventId: string }) => void>();

  addEventListener(kind: string, act: (message: { data: string; lastEventId: string }) => void) {
    this.acts.set(kind, act);
  }

  say(kind: string, data: unknown) {
    this.acts.get(kind)?.({ data: JSON.stringify(data), lastEventId: "" });
  }
}

/** Have pages that look at their logs, and the connections that they make. */
function listened() {
  const sources: Source[] = [];
  vi.stubGlobal("document", { hidden: false, addEventListener: vi.fn(), removeEventListener: vi.fn() });
  vi.stubGlobal(
    "EventSource",
    class extends Source {
      constructor() {
        super();
        sources.push(this);
      }
    },
  );
  return { sources };
}

describe("the lines of a run", () => {
  beforeEach(() => {
    // Hidden, so that nothing is connected to.
    vi.stubGlobal("document", { hidden: true, addEventListener: vi.fn(), removeEventListener: vi.fn() });
    vi.stubGlobal("window", { clearTimeout: vi.fn(), setTimeout: vi.fn() });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  it("are looked for until there is a page of them, and progress is told", async () => {
    const pages = [page([], "c1", 40), page([5, 6], "c2", 70), page([1], null, 100)];
    const asked: unknown[] = [];
    vi.spyOn(api, "GET").mockImplementation((_: string, options: { params: { query: { before?: string } } }) => {
      asked.push(options.params.query.before);
      return Promise.resolve({ data: pages[asked.length - 1], response: new Response() });
    });
    const tail = new RunTail(QUERY);
    const told: unknown[] = [];
    tail.subscribe(() => told.push(tail.snapshot().looking));
    await tail.open();
    expect(asked).toEqual([undefined, "c1", "c2"]);
    expect(tail.snapshot().lines.map((each) => each.line)).toEqual([1, 5, 6]);
    expect(tail.snapshot()).toMatchObject({ earlier: null, looking: null, prepended: 1 });
    expect(told).toContainEqual({ done: 40, total: 100 });
  });

  it("are followed, and a problem is shown from when it is told until its end is told", async () => {
    const { sources } = listened();
    vi.spyOn(api, "GET").mockResolvedValue({ data: page([], null, 1), response: new Response() });
    const tail = new RunTail(QUERY);
    await tail.open();
    sources[0]?.say("problem", { message: "The database is gone." });
    sources[0]?.say("lines", { lines: [line(7)], skipped: 0 });
    expect(tail.snapshot().error).toMatchObject({ message: "The database is gone." });
    sources[0]?.say("problem", { message: "" });
    expect(tail.snapshot()).toMatchObject({ error: null, lines: [line(7)] });
    sources[0]?.say("problem", { message: "The database is gone." });
    sources[0]?.onopen();
    expect(tail.snapshot().error).toBeNull();
  });

  it("are asked for with every step that is chosen", () => {
    expect(addressOf("/x", { ...QUERY, after: "c" })).toBe(
      "/x?flow=F&run_id=1&stream=both&step=a&step=b&latest=false&after=c",
    );
  });
});

const NAME: LogName = { flow: "F", runId: "1", step: "s", taskId: "1", attempt: 0, stream: "both", redraws: true };

describe("the log of a task", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  it("shows a problem from when it is told until its end is told", async () => {
    const { sources } = listened();
    const facts = { version: 1, attempt: 0, latest_attempt: 0, status: "running", total_rows: 0, total_lines: 0 };
    const empty = { ...facts, first_row: 0, rows: [], unfinished: [] };
    vi.spyOn(api, "GET").mockResolvedValue({ data: empty, response: new Response() });
    const source = new TaskLogSource(NAME, "top");
    source.start();
    await vi.waitFor(() => expect(sources).toHaveLength(1));
    sources[0]?.say("problem", { message: "The database is gone." });
    sources[0]?.say("rows", empty);
    expect(source.snapshot().error).toMatchObject({ message: "The database is gone." });
    sources[0]?.say("problem", { message: "" });
    expect(source.snapshot().error).toBeNull();
  });
});
