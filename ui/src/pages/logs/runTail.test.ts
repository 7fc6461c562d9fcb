// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { api } from "@/api/client";
import { addressOf } from "./liveStream";
import { RunTail, runLogQuery } from "./runTail";

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

  it("are asked for with every step that is chosen", () => {
    expect(addressOf("/x", { ...QUERY, after: "c" })).toBe(
      "/x?flow=F&run_id=1&stream=both&step=a&step=b&latest=false&after=c",
    );
  });
});
