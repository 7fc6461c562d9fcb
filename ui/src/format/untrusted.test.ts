import { expect, test } from "vitest";
import { safeLink, visible } from "./untrusted";

test("what cannot be seen is made visible, and the rest is left alone", () => {
  expect(visible("a\u202eb\u0000c\nd é 漢 <b>")).toBe("a\\u202eb\\u0000c\nd é 漢 <b>");
});

test("links lead to pages only", () => {
  expect(safeLink("https://example.com/a?b")).toBe("https://example.com/a?b");
  expect(["javascript:alert(1)", "data:text/html,x", "vbscript:x", "/relative", ""].map(safeLink)).toEqual(
    Array(5).fill(undefined),
  );
});
