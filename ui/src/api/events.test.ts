// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { listen } from "./events";

class FakeSource extends EventTarget {
  static all: FakeSource[] = [];
  onerror = null;
  isOpen = true;

  constructor(readonly url: string) {
    super();
    FakeSource.all.push(this);
  }

  close(): void {
    this.isOpen = false;
  }

  send(kind: string, data: object, id = ""): void {
    this.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(data), lastEventId: id }));
  }
}

let hidden = false;

function show(isShown: boolean): void {
  hidden = !isShown;
  document.dispatchEvent(new Event("visibilitychange"));
}

const open = () => FakeSource.all.filter((source) => source.isOpen);

beforeEach(() => {
  hidden = false;
  FakeSource.all = [];
  vi.useFakeTimers();
  vi.stubGlobal("EventSource", FakeSource);
  vi.spyOn(document, "hidden", "get").mockImplementation(() => hidden);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

it("a page that was opened in the background takes no connection, and reads anew when it is looked at", () => {
  hidden = true;
  const onReset = vi.fn();
  const end = listen({}, vi.fn(), onReset);
  expect(open()).toEqual([]);
  show(true);
  expect(open()).toHaveLength(1);
  expect(onReset).toHaveBeenCalledOnce();
  end();
});

it("a page that nobody looks at gives its connection back, and has lost nothing when it goes on", () => {
  const listener = vi.fn();
  const onReset = vi.fn();
  const end = listen({ flow: "F", runId: "1" }, listener, onReset);
  open()[0]?.send("ready", { last_id: 4 });
  show(false);
  vi.advanceTimersByTime(9_950);
  open()[0]?.send("run_ended", { run_id: "1" }, "5");
  vi.advanceTimersByTime(60);
  expect(open()).toEqual([]);
  expect(listener).toHaveBeenCalledWith([{ id: 5, kind: "run_ended", data: { run_id: "1" } }]);
  show(true);
  expect(open()[0]?.url).toContain("after=5");
  expect(onReset).not.toHaveBeenCalled();
  end();
  expect(open()).toEqual([]);
});
