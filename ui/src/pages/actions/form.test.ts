import { describe, expect, it } from "vitest";
import type { FormField, StartForm } from "@/api/schema";
import { filledFrom, jsonProblem, missing, NOTHING_FILLED, problemOf, tidyJson, typedValue, wishOf } from "./form";

function field(fields: Partial<FormField>): FormField {
  return {
    name: "alpha",
    option: "--alpha",
    kind: "text",
    required: false,
    multiple: false,
    separator: null,
    choices: null,
    default: null,
    help: "",
    ...fields,
  };
}

function form(...parameters: FormField[]): StartForm {
  return {
    file: "flow.py",
    flow: "F",
    directory: "/p",
    interpreter: "python",
    parameters,
    options: [],
    configs: ["cfg"],
    decorators: [],
    recent: [],
  };
}

describe("what is wrong with a value", () => {
  it.each([
    ["integer", "12", true],
    ["integer", "-1_000", true],
    ["integer", "1.5", false],
    ["integer", "", false],
    ["number", "1e-3", true],
    ["number", "inf", true],
    ["number", "0x10", false],
    ["number", "one", false],
    ["json", '{"a": [1]}', true],
    ["json", "{a: 1}", false],
    ["path", " ", false],
    ["text", "", true],
  ] as const)("%s %j: %s", (kind, text, good) => {
    expect(problemOf(field({ kind }), text) === null).toBe(good);
  });

  it("says what is required only if there is nothing", () => {
    expect(problemOf(field({ required: true }), undefined)).toContain("required");
    expect(problemOf(field({ required: true }), "x")).toBeNull();
    expect(problemOf(field({ kind: "boolean", required: true }), false)).toBeNull();
  });

  it("looks at each of several values", () => {
    expect(problemOf(field({ kind: "integer", multiple: true }), ["1", "b"])).toBe("Give a whole number.");
  });
});

describe("what is sent", () => {
  it("leaves out what is as the default", () => {
    const alpha = field({ kind: "number", default: { text: "0.1", is_value: true } });
    expect(typedValue(alpha, "0.1")).toBeUndefined();
    expect(typedValue(alpha, "0.2")).toBe("0.2");
    const flag = field({ kind: "boolean", default: { text: "False", is_value: true } });
    expect(typedValue(flag, false)).toBeUndefined();
    expect(typedValue(flag, true)).toBe(true);
  });

  it("does not put the default back while somebody types, and says that a value is wanted", () => {
    const depth = field({ kind: "integer", default: { text: "10", is_value: true } });
    expect(typedValue(depth, "")).toBe("");
    expect(problemOf(depth, "")).toBe("Give a whole number.");
    expect(typedValue(field({ kind: "integer" }), "")).toBeUndefined();
  });

  it("keeps an empty text where the default is another one", () => {
    expect(typedValue(field({ default: { text: "x", is_value: true } }), "")).toBe("");
    expect(typedValue(field({}), "")).toBeUndefined();
    // What the default says is no value: to leave the field empty means to take what will be computed.
    expect(
      typedValue(field({ kind: "integer", default: { text: "<computed>", is_value: false } }), ""),
    ).toBeUndefined();
  });

  it("is what the server takes, with nothing that was not given", () => {
    const wish = wishOf("a.py", {
      ...NOTHING_FILLED,
      values: { alpha: "1", beta: undefined },
      configs: { cfg: { kind: "path", text: "c.json" }, other: { kind: "default", text: "" } },
      decorators: " retry:times=2\n\n timeout ",
      maxWorkers: "4",
      namespace: " ",
    });
    expect(wish).toEqual({
      file: "a.py",
      values: { alpha: "1" },
      options: {},
      configs: [{ name: "cfg", path: "c.json" }],
      tags: [],
      decorators: ["retry:times=2", "timeout"],
      max_workers: 4,
      namespace: null,
    });
    expect(wishOf("a.py", { ...NOTHING_FILLED, maxWorkers: "-3" }).max_workers).toBeNull();
  });

  it("names what is missing", () => {
    const asked = form(
      field({ name: "a", required: true }),
      field({ name: "b", required: true }),
      field({ name: "c" }),
    );
    expect(missing(asked, { ...NOTHING_FILLED, values: { a: "1" } })).toEqual(["b"]);
  });
});

it("takes over the values of a past run that the form still has", () => {
  const asked = form(
    field({ name: "a", default: { text: "x", is_value: true } }),
    field({ name: "b", kind: "boolean" }),
  );
  expect(filledFrom(asked, { a: "y", b: true, gone: "z" })).toEqual({ a: "y", b: true });
  expect(filledFrom(asked, { a: "x" })).toEqual({});
});

it("tidies JSON without changing what it says", () => {
  expect(tidyJson('{"a":[1,2]}')).toBe('{\n  "a": [\n    1,\n    2\n  ]\n}');
  expect(tidyJson('{"a":12345678901234567890}')).toBe('{"a":12345678901234567890}');
  expect(tidyJson("{")).toBe("{");
  expect(jsonProblem("[1,")).not.toBeNull();
});
