import { exactNumber } from "@/format/json";
import {
  dayAfter,
  isDay,
  isMoment,
  isStatus,
  type Filters,
  type NameKind,
  type Operator,
  type RunStatus,
  type Scalar,
  type ValueKind,
} from "./filters";

/** Names of values that runs have, so that `lr>0.01` is known to be about a parameter or about an artifact. */
export interface KnownNames {
  parameters: readonly string[];
  artifacts: readonly string[];
}

/** One word of what a person typed, as it stands in the field: from `start` to `end`. */
export interface Word {
  text: string;
  start: number;
  end: number;
}

/** What a word asks for: a filter, a word to look for, or something that looks like a filter and is none. */
export type Meaning =
  | { kind: "filter"; apply: (filters: Filters) => Filters }
  | { kind: "text" }
  | { kind: "unfinished" }
  | { kind: "problem"; message: string };

export const KEYS = ["status", "flow", "user", "tag", "started", "project", "branch"] as const;
export type Key = (typeof KEYS)[number];

const NAMED = /^(-?)(status|flow|user|tag|started|project|branch):(.*)$/s;
// Names of Python, in whatever alphabet; or as the command line has them, with hyphens.
const COMPARED = /^(?:(parameter|param|artifact)\.)?([\p{L}_][\p{L}\p{N}_-]*)(!=|<=|>=|=|<|>)(.*)$/su;
const VALUE_PREFIX = /^(?:parameter|param|artifact)\.[\p{L}\p{N}_]*$/u;

/** Cut into words at white space; what is between double quotes stays together. */
export function wordsOf(text: string): Word[] {
  const words: Word[] = [];
  for (const match of text.matchAll(/(?:"[^"]*"?|[^\s"])+/g)) {
    words.push({ text: match[0], start: match.index, end: match.index + match[0].length });
  }
  return words;
}

/** The word that ends at, or goes on beyond, a place in the text; an empty one between words. */
export function wordAt(text: string, place: number): Word {
  const found = wordsOf(text).find((word) => word.start <= place && place <= word.end);
  return found ?? { text: "", start: place, end: place };
}

function unquoted(text: string): string {
  return text.replaceAll('"', "");
}

/** Put a name in quotes if it would not stay one word without. */
export function quoted(name: string): string {
  const plain = unquoted(name);
  return /\s|,/.test(plain) ? `"${plain}"` : plain;
}

/** What a word means. */
function meaningOf(word: string, known: KnownNames): Meaning {
  const named = NAMED.exec(word);
  if (named !== null) return namedMeaning(named[1] === "-", named[2] as Key, named[3] ?? "");
  const compared = COMPARED.exec(word);
  if (compared !== null) {
    const [, kind, written = "", operator, operand = ""] = compared;
    const name = written.replaceAll("-", "_");
    if (operand === "") return { kind: "unfinished" };
    // `user=ana` is taken for `user:ana`, unless runs have a parameter or an artifact that is called so.
    if (kind === undefined && isKey(name) && !isValue(name, known) && (operator === "=" || operator === "!=")) {
      return namedMeaning(operator === "!=", name, operand);
    }
    const value = kindOf(kind, name, known);
    const condition = { kind: value, name, operator: operator as Operator, operand: scalarOf(operand) };
    return { kind: "filter", apply: (filters) => ({ ...filters, where: [...filters.where, condition] }) };
  }
  return VALUE_PREFIX.test(word) ? { kind: "unfinished" } : { kind: "text" };
}

function namedMeaning(isNegated: boolean, key: Key, text: string): Meaning {
  if (unquoted(text) === "") return { kind: "unfinished" };
  const names = namesOf(text);
  if (key === "status") return statusMeaning(isNegated, names);
  if (isNegated) return withoutMeaning(key, names);
  if (key === "started") return timeMeaning(text);
  const kind: NameKind = key;
  return { kind: "filter", apply: (filters) => ({ ...filters, [kind]: merged(filters[kind], names) }) };
}

/** What the tags of the system begin with by which runs of a user, project or branch are left out. */
const SYSTEM_TAGS: Readonly<Record<Exclude<Key, "status" | "started" | "flow">, string>> = {
  tag: "",
  user: "user:",
  project: "project:",
  branch: "project_branch:",
};

function withoutMeaning(key: Exclude<Key, "status">, names: string[]): Meaning {
  if (key === "started") {
    const known = "-status:, -flow:, -user:, -tag:, -project: and -branch:";
    return { kind: "problem", message: `-started: is not known; runs can be left out by ${known}` };
  }
  if (key === "flow") {
    return { kind: "filter", apply: (filters) => ({ ...filters, withoutFlow: merged(filters.withoutFlow, names) }) };
  }
  const tags = names.map((name) => SYSTEM_TAGS[key] + name);
  return { kind: "filter", apply: (filters) => ({ ...filters, withoutTag: merged(filters.withoutTag, tags) }) };
}

function statusMeaning(isNegated: boolean, names: string[]): Meaning {
  const unknown = names.find((name) => !isStatus(name));
  if (unknown !== undefined) {
    return { kind: "problem", message: `There is no status ${unknown}: there are running, done, failed and stopped` };
  }
  const all: RunStatus[] = ["running", "done", "failed", "stopped"];
  const wanted = isNegated ? all.filter((status) => !names.includes(status)) : (names as RunStatus[]);
  return { kind: "filter", apply: (filters) => ({ ...filters, status: merged(filters.status, wanted) }) };
}

function timeMeaning(text: string): Meaning {
  const [since, until] = rangeOf(text);
  if ((since !== "" && !isMoment(since)) || (until !== "" && !isMoment(until))) {
    return {
      kind: "problem",
      message:
        "started: takes a length of time (1h, 7d), today, a day (2026-03-07, >=2026-03-07) or a range (2026-03-01..2026-03-07)",
    };
  }
  return { kind: "filter", apply: (filters) => ({ ...filters, since, until }) };
}

/** From when, and until when, runs must have started; a day alone is that day. */
function rangeOf(text: string): [since: string, until: string] {
  const [, operator = "", at = ""] = /^([<>]=?)?(.*)$/s.exec(text) ?? [];
  if (operator === "" && at.includes("..")) {
    const [since = "", until = ""] = at.split("..");
    return [since, withToday(until)];
  }
  if (operator === "<") return ["", isDay(at) ? `${at}T00:00` : at];
  if (operator === "<=") return ["", withToday(at)];
  if (operator === ">" && isDay(at)) return [dayAfter(at), ""];
  return [at, operator === "" && isDay(at) ? at : ""];
}

/** The end of a range that takes in what it names: nothing starts after today. */
function withToday(until: string): string {
  return until === "today" ? "" : until;
}

function isKey(name: string): name is Key {
  return (KEYS as readonly string[]).includes(name);
}

function isValue(name: string, { parameters, artifacts }: KnownNames): boolean {
  return parameters.includes(name) || artifacts.includes(name);
}

/** How a parameter is written: with what it is, if it is called like something else that can be asked for. */
export function parameterWord(name: string): string {
  return isKey(name) ? `parameter.${name}` : name;
}

function kindOf(written: string | undefined, name: string, known: KnownNames): ValueKind {
  if (written !== undefined) return written === "artifact" ? "artifact" : "parameter";
  return known.artifacts.includes(name) && !known.parameters.includes(name) ? "artifact" : "parameter";
}

/** `0.1`, `true` and `null` are what they are in JSON; `"0.1"` and all else are texts. */
export function scalarOf(text: string): Scalar {
  const constants: Record<string, Scalar> = {
    true: true,
    True: true,
    false: false,
    False: false,
    null: null,
    None: null,
  };
  if (Object.hasOwn(constants, text)) return constants[text] ?? null;
  if (text.trim() !== "" && Number.isFinite(Number(text))) return exactNumber(text);
  return unquoted(text);
}

function namesOf(text: string): string[] {
  const parts = text.match(/(?:"[^"]*"?|[^,"])+/g) ?? [];
  return parts.map(unquoted).filter((name) => name !== "");
}

function merged<T>(before: readonly T[], more: readonly T[]): T[] {
  return [...new Set([...before, ...more])];
}

/** What a field's text comes to: filters with its words applied, the text that is left, and what is wrong with it. */
export interface Reading {
  filters: Filters;
  rest: string;
  problem: string | null;
}

/** Take the filters out of a field's text. */
export function read(text: string, filters: Filters, known: KnownNames): Reading {
  let found = filters;
  let problem: string | null = null;
  const rest: string[] = [];
  for (const word of wordsOf(text)) {
    const meaning = meaningOf(word.text, known);
    if (meaning.kind === "filter") {
      found = meaning.apply(found);
      continue;
    }
    rest.push(word.text);
    if (meaning.kind === "problem") problem ??= meaning.message;
    else if (meaning.kind === "unfinished") problem ??= `${word.text} lacks what it is compared with`;
  }
  return { filters: found, rest: rest.join(" "), problem };
}

/** The words of a field's text that are looked for as they stand: what is, or becomes, a filter is left out. */
export function plainText(text: string, known: KnownNames): string {
  const plain = wordsOf(text).filter((word) => meaningOf(word.text, known).kind === "text");
  return plain.map((word) => unquoted(word.text)).join(" ");
}
