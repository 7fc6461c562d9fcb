import { describe, expect, it, test } from "vitest";
import type { Facets } from "@/api/schema";
import { completed, completionsOf, partOf } from "./completions";

const names = (...all: string[]) => ({ names: all.map((name, index) => ({ name, runs: 10 - index })), more: false });
const FACETS: Facets = {
  statuses: names("done", "failed"),
  flows: names("TrainFlow", "Score Flow"),
  users: names("ana", "training-bot"),
  projects: names(),
  branches: names(),
  tags: names("prod", "trained"),
  parameters: { names: ["lr", "tree_depth"], more: false },
  artifacts: { names: ["accuracy", "lr"], more: false },
};

const labels = (text: string, caret = text.length) => completionsOf(text, caret, FACETS).map((each) => each.text);

describe("completions", () => {
  test.each([
    ["status:", ["status:done", "status:failed"]],
    ["status:done,f", ["status:done,failed"]],
    ['flow:"sc', ['flow:"Score Flow"']],
    ["-tag:pr", ["-tag:prod"]],
    ["-flow:tr", ["-flow:TrainFlow"]],
    ["tr", ["flow:TrainFlow", "user:training-bot", "tag:trained", "tree_depth"]],
    ["st", ["status:", "started:"]],
    ["acc", ["artifact.accuracy"]],
    ["started:7", ["started:7d"]],
    ["zzz", []],
  ])("of %s", (text, expected) => {
    expect(labels(text)).toEqual(expected);
  });

  it("write a parameter so that it is not taken for something else, and what is typed in full comes first", () => {
    const facets = {
      ...FACETS,
      parameters: { names: ["file_name", "a_name", "b_name", "c_name", "name", "user"], more: false },
    };
    const found = (text: string) => completionsOf(text, text.length, facets).map((each) => each.text);
    expect(found("name").slice(0, 2)).toEqual(["name", "file_name"]);
    expect(found("user")).toEqual(["user:", "parameter.user"]);
    expect(found("parameter.us")).toEqual(["parameter.user"]);
  });

  it("begin with what can be asked", () => {
    expect(labels("flow:A ").slice(0, 3)).toEqual(["status:", "flow:", "user:"]);
  });

  it("take the place of the word at the caret", () => {
    const text = "user:an tag:prod";
    const [first] = completionsOf(text, 7, FACETS);
    if (first === undefined) throw new Error("nothing was found");
    expect(completed(text, 7, first)).toEqual(["user:ana tag:prod", 8]);
    const [key] = completionsOf("fl", 2, FACETS);
    if (key === undefined) throw new Error("nothing was found");
    expect(completed("fl", 2, key)).toEqual(["flow:", 5]);
  });

  test.each([
    ["Tr", "Tr"],
    ["flow:Tr", "Tr"],
    ["flow:A,Tr", "Tr"],
    ['tag:"a b', "a b"],
    ["started:7", null],
    ["parameter.us", "us"],
    ["", ""],
  ])("ask for names by a part of %s", (text, part) => {
    expect(partOf(text, text.length)).toBe(part);
  });

  it("are none before names are known, but for what can be asked", () => {
    expect(completionsOf("us", 2, undefined).map((each) => each.text)).toEqual(["user:"]);
  });
});
