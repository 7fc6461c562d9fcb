import { expect, test } from "vitest";
import { one, parseSearch, several, stringifySearch } from "./search";

test("addresses hold plain texts", () => {
  const search = { flow: "A", tag: ["x y", "1&2"], none: undefined, empty: "", page: 3 };
  const text = stringifySearch(search);
  expect(text).toBe("?flow=A&tag=x+y&tag=1%262&page=3");
  expect(parseSearch(text)).toEqual({ flow: "A", tag: ["x y", "1&2"], page: "3" });
});

test("one and several", () => {
  const search = parseSearch("?tag=a&tag=b&flow=F");
  expect([one(search, "tag"), one(search, "flow"), one(search, "user")]).toEqual(["a", "F", undefined]);
  expect([several(search, "tag"), several(search, "flow"), several(search, "user")]).toEqual([["a", "b"], ["F"], []]);
});
