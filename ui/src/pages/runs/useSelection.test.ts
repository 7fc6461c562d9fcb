import { expect, it } from "vitest";
import { changed } from "./useSelection";

const ORDER = ["a", "b", "c", "d"];
const after = (keys: string[], key: string, from: string | null) =>
  [...changed(new Set(keys), key, from, ORDER)].sort();

it("a range is chosen in either direction, and let go again", () => {
  expect(after([], "b", null)).toEqual(["b"]);
  expect(after(["b"], "d", "b")).toEqual(["b", "c", "d"]);
  expect(after(["d"], "b", "d")).toEqual(["b", "c", "d"]);
  expect(after(["a", "b", "c", "d"], "c", "b")).toEqual(["a", "d"]);
  expect(after(["b"], "c", "gone")).toEqual(["b", "c"]);
});
