// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import type { LogPage, LogRowMatch } from "@/api/schema";
import { markSpans } from "./highlight";
import { clickedRange, formatLineRange, parseLineRange } from "./lineRange";
import { formatLineTime } from "./lineTime";
import { LogBuffer } from "./logBuffer";
import { nextMatch } from "./logSearch";
import { parsePreferences } from "./preferences";
import { appended } from "./runTail";
import { segmentFor } from "./segment";

describe("markSpans", () => {
  it("cuts pieces at the ends of what was found, and loses nothing", () => {
    const bold = { bold: true };
    const pieces = [
      { text: "abc", style: null },
      { text: "def", style: bold },
    ];
    expect(markSpans(pieces, [[1, 4]])).toEqual([
      { text: "a", style: null, which: -1 },
      { text: "bc", style: null, which: 0 },
      { text: "d", style: bold, which: 0 },
      { text: "ef", style: bold, which: -1 },
    ]);
    const all = markSpans(pieces, [[0, 0], [2, 3], [5, 99]]); // prettier-ignore
    expect(all.map((piece) => piece.text).join("")).toBe("abcdef");
  });
});

describe("lines in the address", () => {
  it("are read and written", () => {
    expect(parseLineRange("12")).toEqual({ first: 12, last: 12 });
    expect(parseLineRange("L20-L12")).toEqual({ first: 12, last: 20 });
    for (const text of [undefined, "", "0", "a", "1-", "-1", "1e3", "9".repeat(13)])
      expect(parseLineRange(text)).toBeNull();
    expect(formatLineRange({ first: 3, last: 9 })).toBe("3-9");
    expect(formatLineRange(null)).toBeUndefined();
  });

  it("grow from where they begin", () => {
    const range = clickedRange(null, 10, true);
    expect(clickedRange(range, 15, true)).toEqual({ first: 10, last: 15 });
    expect(clickedRange({ first: 10, last: 15 }, 4, true)).toEqual({ first: 4, last: 15 });
    expect(clickedRange({ first: 10, last: 15 }, 4, false)).toEqual({ first: 4, last: 4 });
  });
});

describe("formatLineTime", () => {
  it("counts from the start", () => {
    expect(formatLineTime(12.345, "relative", 10)).toBe("+0:02.345");
    expect(formatLineTime(3732.5, "relative", 10)).toBe("+1:02:02.500");
    expect(formatLineTime(9.75, "relative", 10)).toBe("−0:00.250");
    expect(formatLineTime(null, "relative", 10)).toBe("");
    expect(formatLineTime(5, "off", 0)).toBe("");
    expect(formatLineTime(0.25, "clock", 0)).toMatch(/^\d\d:\d\d:00\.250$/);
  });
});

describe("segmentFor", () => {
  it("has all rows of a log that fits", () => {
    expect(segmentFor(100, 50, null, 100)).toEqual({ base: 0, count: 100 });
  });

  it("has the row that is asked for, and moves only near its ends", () => {
    const first = segmentFor(1000, 0, null, 100);
    expect(first).toEqual({ base: 0, count: 100 });
    expect(segmentFor(1000, 50, first, 100)).toEqual(first);
    const moved = segmentFor(1000, 95, first, 100);
    expect(moved.base).toBe(45);
    expect(segmentFor(1000, 999, moved, 100)).toEqual({ base: 900, count: 100 });
    for (let row = 0; row < 1000; row += 13) {
      const { base, count } = segmentFor(1000, row, moved, 100);
      expect(row >= base && row < base + count).toBe(true);
    }
  });

  it("grows with the log", () => {
    expect(segmentFor(60, 0, { base: 0, count: 0 }, 100, true)).toEqual({ base: 0, count: 60 });
    expect(segmentFor(250, 0, { base: 100, count: 0 }, 100, true)).toEqual({ base: 100, count: 100 });
    expect(segmentFor(150, 0, { base: 100, count: 0 }, 100, true)).toEqual({ base: 100, count: 50 });
  });
});

function page(firstRow: number, texts: string[], part: Partial<LogPage> = {}): LogPage {
  const total = firstRow + texts.length;
  return {
    version: 1,
    attempt: 0,
    latest_attempt: 0,
    status: "running",
    started_at: 0,
    total_rows: total,
    total_lines: total,
    stdout_lines: total,
    stderr_lines: 0,
    bytes: 0,
    redrawn_lines: 0,
    untimed_lines: 0,
    truncated: [],
    scrubbed: [],
    origin: "",
    is_origin_gone: false,
    is_missing: false,
    unfinished: [],
    first_row: firstRow,
    rows: texts.map((text, index) => ({ line: firstRow + index + 1, stream: "stdout", time: 0, text })),
    ...part,
  };
}

describe("LogBuffer", () => {
  const texts = (buffer: LogBuffer) => Array.from({ length: buffer.total }, (_, row) => buffer.row(row)?.text);

  it("puts what is new in the place of what it changes", () => {
    const buffer = new LogBuffer();
    buffer.addPage(page(0, ["a", "b", "10%"]));
    buffer.addGrowth(page(2, ["20%", "c"]));
    expect(texts(buffer)).toEqual(["a", "b", "20%", "c"]);
    buffer.addPage(page(0, ["a", "b", "10%"])); // was asked for before, and comes after
    expect(texts(buffer)).toEqual(["a", "b", "20%", "c"]);
  });

  it("forgets what is no longer there", () => {
    const buffer = new LogBuffer();
    buffer.addPage(page(0, ["a", "b"]));
    buffer.addGrowth(page(0, ["[REDACTED]"], { version: 2 }));
    expect(texts(buffer)).toEqual(["[REDACTED]"]);
  });

  it("keeps what is near", () => {
    const buffer = new LogBuffer(100);
    for (let first = 0; first < 1000; first += 50) {
      buffer.addPage(page(first, Array.from({ length: 50 }, String), { total_rows: 1000, total_lines: 1000 }));
    }
    expect(buffer.has(950, 975)).toBe(true);
    expect(buffer.has(0, 1)).toBe(false);
  });
});

describe("nextMatch", () => {
  const matches = [3, 10, 20].map((row) => ({ row }) as LogRowMatch);
  it("goes around", () => {
    expect(nextMatch(matches, -1, 1)).toBe(0);
    expect(nextMatch(matches, 10, 1)).toBe(2);
    expect(nextMatch(matches, 20, 1)).toBe(0);
    expect(nextMatch(matches, 10, -1)).toBe(0);
    expect(nextMatch(matches, 3, -1)).toBe(2);
    expect(nextMatch([], 3, 1)).toBeNull();
  });
});

describe("what is kept", () => {
  it("of preferences makes sense", () => {
    expect(parsePreferences('{"times":"clock","wrap":true,"size":"huge"}')).toEqual({
      times: "clock",
      wrap: true,
      size: "small",
    });
    for (const text of [null, "", "[]", "1", "{"]) expect(parsePreferences(text).times).toBe("off");
  });

  it("of lines is bounded", () => {
    const lines = (count: number) => Array.from({ length: count }, () => ({}) as never);
    expect(appended(lines(8), lines(5), 10)).toMatchObject({ dropped: 3 });
    expect(appended(lines(8), lines(5), 10).lines).toHaveLength(10);
    expect(appended(lines(1), lines(1), 10).dropped).toBe(0);
  });
});
