// @vitest-environment happy-dom
import { expect, it } from "vitest";
import { isShown, storedViews, storeView, usualViews, viewText } from "./views";

it("a view is shown by addresses that hold the same in any order", () => {
  const view = { name: "v", search: { status: ["failed", "done"], since: "7d" }, place: null };
  expect(isShown(view, { since: "7d", status: ["done", "failed"], text: "" })).toBe(true);
  expect(isShown(view, { since: "7d", status: "done" })).toBe(false);
  expect(usualViews("").map((each) => each.name)).toEqual(["All", "Running", "Failed today"]);
  expect(usualViews("ana").at(-1)?.search).toEqual({ user: "ana" });
});

it("views are kept in the browser, and what is no view is not read", () => {
  storeView("a", viewText({ flow: ["A", "B"], text: "x y" }));
  storeView("b", "status=done");
  storeView("a", "flow=C");
  expect(storedViews()).toEqual([
    { name: "b", search: { status: "done" }, place: "browser" },
    { name: "a", search: { flow: "C" }, place: "browser" },
  ]);
  storeView("b", null);
  expect(storedViews().map((view) => view.name)).toEqual(["a"]);
  expect([storedViews("no JSON"), storedViews("[1]"), storedViews('{"a":1}')]).toEqual([[], [], []]);
});
