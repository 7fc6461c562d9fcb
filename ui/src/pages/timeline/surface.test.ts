// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { dragged } from "./overview";
import { readOptions, writeOptions } from "./search";
import { SvgSurface } from "./surface";
import { parseSearch, stringifySearch } from "@/app/search";

describe("an SVG picture", () => {
  it("is XML whatever names of tasks have in them", () => {
    const surface = new SvgSurface();
    surface.text(1, 2, '</text><script>alert("x")</script>&\u0000\u202e\ud800', "red");
    surface.hatch(0, 0, 10, 10, "rgb(1, 2, 3)");
    surface.within(0, 0, 5, 5, () => surface.rect(0, 0, -3, 4, "blue"));
    const text = surface.document(100, 50, '"A Font", serif');
    const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
    expect(text).not.toContain("<script");
    expect(text).not.toContain("\u0000");
    expect(text).not.toMatch(/width="-/);
    expect(parsed.documentElement.tagName.toLowerCase()).toBe("svg");
  });
});

describe("options", () => {
  it("are read from the address as they were written", () => {
    const options = {
      text: "a b&c",
      hiddenStates: new Set(["done", "killed"] as const),
      hiddenPhases: new Set(["waiting"] as const),
      sort: "duration" as const,
      clock: true,
      path: true,
      toggled: new Set(["one", "zwei drei"]),
      view: { from: -10, to: 4000 },
    };
    expect(readOptions(parseSearch(stringifySearch(writeOptions(options))))).toEqual(options);
  });

  it("are the usual ones without, or with nonsense", () => {
    const usual = readOptions({});
    expect(usual).toMatchObject({ text: "", sort: "start", clock: false, path: false, view: null });
    expect(readOptions({ tl_from: "x", tl_to: "5", tl_without: ["nothing"], tl_sort: "up" })).toEqual(usual);
    expect(readOptions({ tl_from: "9", tl_to: "5" }).view).toBeNull();
    expect(stringifySearch(writeOptions(usual))).toBe("");
  });
});

describe("a drag in the overview", () => {
  const all = { from: 0, to: 1000 };
  const view = { from: 200, to: 400 };

  it("moves what is shown, one of its ends, or chooses anew", () => {
    expect(dragged(all, view, 1000, 300, 350)).toEqual({ from: 250, to: 450 });
    expect(dragged(all, view, 1000, 202, 100)).toEqual({ from: 100, to: 400 });
    expect(dragged(all, view, 1000, 398, 150)).toEqual({ from: 150, to: 200 });
    expect(dragged(all, view, 1000, 700, 600)).toEqual({ from: 600, to: 700 });
    expect(dragged(all, all, 1000, 500, 600)).toEqual({ from: 500, to: 600 });
  });
});
