import type { FormField, StartForm, StartWish } from "@/api/schema";

/** What was filled in for a field: text, a choice, or texts; undefined stands for the default. */
export type Typed = string | boolean | string[];
export type Values = Readonly<Record<string, Typed | undefined>>;

/** How a config is given: by its default, by a file, or as text. */
export interface ConfigChoice {
  kind: "default" | "path" | "value";
  text: string;
}

/** All that is filled in. */
export interface Filled {
  values: Values;
  options: Values;
  configs: Readonly<Record<string, ConfigChoice>>;
  tags: readonly string[];
  decorators: string;
  maxWorkers: string;
  namespace: string;
}

export const NOTHING_FILLED: Filled = {
  values: {},
  options: {},
  configs: {},
  tags: [],
  decorators: "",
  maxWorkers: "",
  namespace: "",
};

/** What a field shows before anything is typed. */
export function shownDefault(field: FormField): Typed {
  const text = field.default?.is_value === true ? field.default.text : "";
  if (field.kind === "boolean") return text.toLowerCase() === "true";
  return field.multiple ? [] : text;
}

/** What is wrong with what was typed into a field; null if nothing is. The server looks more closely. */
export function problemOf(field: FormField, typed: Typed | undefined): string | null {
  if (typed === undefined) return field.required ? "A value is required." : null;
  if (typeof typed === "boolean") return null;
  for (const text of typeof typed === "string" ? [typed] : typed) {
    const problem = problemOfText(field, text);
    if (problem !== null) return problem;
  }
  return null;
}

function problemOfText(field: FormField, text: string): string | null {
  if (field.kind === "integer" && !/^\s*[+-]?\d[\d_]*\s*$/.test(text)) return "Give a whole number.";
  if (field.kind === "number" && !isNumber(text)) return "Give a number.";
  if (field.kind === "json") return jsonProblem(text);
  if (field.kind === "choice" && field.choices?.includes(text) === false) return "Choose one of the values.";
  if (field.kind === "path" && text.trim() === "") return "Give the path of a file.";
  return null;
}

function isNumber(text: string): boolean {
  const plain = text.trim().replaceAll("_", "").toLowerCase();
  return plain !== "" && (/^[+-]?(inf|infinity|nan)$/.test(plain) || !/^[+-]?0[xbo]/.test(plain)) && parses(plain);
}

function parses(plain: string): boolean {
  return (
    /^[+-]?(inf|infinity|nan)$/.test(plain) || Number.isFinite(Number(plain)) || /^[+-]?[\d.]+e[+-]?\d+$/.test(plain)
  );
}

/** Why a text is no JSON; null if it is. */
export function jsonProblem(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return `This is no valid JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** A JSON text with one value a line; as it was if it is none, or if a number in it would not survive. */
export function tidyJson(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    // Large numbers would come out as others.
    return /\d{16}/.test(text) ? text : JSON.stringify(value, null, 2);
  } catch {
    return text;
  }
}

function given(values: Values): Record<string, Typed> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, Typed] => entry[1] !== undefined));
}

/** What the server is asked for. */
export function wishOf(file: string, filled: Filled): StartWish {
  const workers = Number(filled.maxWorkers);
  return {
    file,
    values: given(filled.values),
    options: given(filled.options),
    configs: Object.entries(filled.configs).flatMap(([name, choice]) =>
      choice.kind === "default" ? [] : [{ name, [choice.kind]: choice.text }],
    ),
    tags: [...filled.tags],
    decorators: filled.decorators
      .split(/\n/)
      .map((line) => line.trim())
      .filter((line) => line !== ""),
    max_workers: filled.maxWorkers.trim() !== "" && Number.isInteger(workers) && workers > 0 ? workers : null,
    namespace: filled.namespace.trim() === "" ? null : filled.namespace.trim(),
  };
}

/** Names of the required parameters that nothing was filled in for. */
export function missing(form: StartForm, filled: Filled): string[] {
  return form.parameters
    .filter((field) => field.required && filled.values[field.name] === undefined)
    .map((field) => field.name);
}

/** A field's value after typing: undefined again if it is as the default. */
export function typedValue(field: FormField, typed: Typed | undefined): Typed | undefined {
  if (typed === undefined) return undefined;
  if (field.default?.is_value === true && sameAs(shownDefault(field), typed)) return undefined;
  // An empty text is a text, and a default that is wiped out must not come back while somebody types another value.
  if (typed === "" && (field.kind === "text" ? field.default === null : field.default?.is_value !== true))
    return undefined;
  return typed;
}

function sameAs(one: Typed, other: Typed): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** The values of a past run, as far as the form still has such fields; what is as the default is left out. */
export function filledFrom(form: StartForm, past: Readonly<Record<string, Typed>>): Values {
  return Object.fromEntries(
    form.parameters.flatMap((field) => {
      const value = past[field.name];
      const typed = value === undefined ? undefined : typedValue(field, value);
      return typed === undefined ? [] : [[field.name, typed]];
    }),
  );
}
