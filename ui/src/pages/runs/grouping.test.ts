// @vitest-environment happy-dom
import { expect, it } from "vitest";
import type { RunRow } from "@/api/schema";
import { groupingOf, itemsOf } from "./grouping";

it("a group has a head before its first run", () => {
  const runs = [
    ["A", "1", "u"],
    ["A", "2", ""],
    ["B", "1", ""],
  ].map(([flow, run_id, user]) => ({ flow, run_id, user }) as RunRow);
  const lines = (grouping: "" | "flow" | "user") =>
    itemsOf(runs, grouping).map((item) => (item.kind === "run" ? item.key : `[${item.name}]`));
  expect(lines("")).toEqual(["A/1", "A/2", "B/1"]);
  expect(lines("flow")).toEqual(["[A]", "A/1", "A/2", "[B]", "B/1"]);
  expect(lines("user")).toEqual(["[u]", "A/1", "[]", "A/2", "B/1"]);
  expect([groupingOf("user"), groupingOf("x"), groupingOf(undefined)]).toEqual(["user", "", ""]);
});
