import { expect, it } from "vitest";
import { patchLines } from "./patch";

it("numbers the lines of both sides", () => {
  const patch = [
    "diff --git a/f.py b/f.py",
    "--- a/f.py",
    "+++ b/f.py",
    "@@ -9,3 +9,3 @@",
    " same",
    "--- a comment of SQL",
    "+++ counted",
    "\\ No newline at end of file",
    "",
  ].join("\n");
  expect(patchLines(patch)).toEqual([
    { kind: "place", text: "@@ -9,3 +9,3 @@", before: null, after: null },
    { kind: "same", text: "same", before: 9, after: 9 },
    { kind: "removed", text: "-- a comment of SQL", before: 10, after: null },
    { kind: "added", text: "++ counted", before: null, after: 10 },
    { kind: "note", text: "No newline at end of file", before: null, after: null },
  ]);
});

it("says that a file is no text", () => {
  const patch = "diff --git a/i.png b/i.png\nBinary files a/i.png and b/i.png differ\n";
  expect(patchLines(patch)).toEqual([
    { kind: "note", text: "Binary files a/i.png and b/i.png differ", before: null, after: null },
  ]);
  expect(patchLines("")).toEqual([]);
});
