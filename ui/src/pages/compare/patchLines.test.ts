import { expect, test } from "vitest";
import { patchLines } from "./patchLines";

test("a patch is told line by line, and lines that look like headers stay what they are", () => {
  const patch =
    "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n same\n--- old\n+++ new\n\\ No newline at end of file\n";
  expect(patchLines(patch).map(({ kind, text }) => `${kind}: ${text}`)).toEqual([
    "place: @@ -1,2 +1,2 @@",
    "kept:  same",
    "removed: --- old",
    "added: +++ new",
    "kept: \\ No newline at end of file",
  ]);
});
