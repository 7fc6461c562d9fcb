import type { Facets } from "@/api/schema";
import { KEYS, parameterWord, quoted, wordAt, type Key } from "./language";

/** Something that the word at the caret can become. */
export interface Completion {
  key: string;
  /** What takes the word's place; a completion that is not final is gone on with. */
  text: string;
  isFinal: boolean;
  label: string;
  /** What is said beside it, such as how many runs have it. */
  note: string;
}

const HINTS: Readonly<Record<Key, string>> = {
  status: "running, done, failed or stopped",
  flow: "name of a flow; -flow: leaves out its runs",
  user: "who started it",
  tag: "a tag; -tag: leaves out those that have it",
  started: "1h, 7d, today, 2026-03-01, >=2026-03-01, or a range with ..",
  project: "of @project",
  branch: "of @project",
};
const TIMES: readonly (readonly [text: string, note: string])[] = [
  ["1h", "last hour"],
  ["today", "since midnight"],
  ["1d", "last 24 hours"],
  ["7d", "last 7 days"],
  ["30d", "last 30 days"],
];
const VALUE_KIND = /^(parameter|param|artifact)\./;
const SHOWN_OF_EACH = 4;
const MOST_SHOWN = 12;

/** The part of the word at the caret by which names are to be asked for; null if no names are wanted. */
export function partOf(text: string, caret: number): string | null {
  const word = wordAt(text, caret).text.slice(0, caret - wordAt(text, caret).start);
  const named = splitNamed(word);
  if (named?.key === "started") return null;
  return unquoted(named === null ? word.replace(VALUE_KIND, "") : (named.value.split(",").at(-1) ?? ""));
}

interface Named {
  sign: string;
  key: Key;
  value: string;
}

function splitNamed(word: string): Named | null {
  const match = /^(-?)([a-z]+):(.*)$/s.exec(word);
  if (match === null || !(KEYS as readonly string[]).includes(match[2] ?? "")) return null;
  return { sign: match[1] ?? "", key: match[2] as Key, value: match[3] ?? "" };
}

/** What the word at the caret can become, the likeliest first. */
export function completionsOf(text: string, caret: number, facets: Facets | undefined): Completion[] {
  const word = wordAt(text, caret);
  const typed = word.text.slice(0, caret - word.start);
  const named = splitNamed(typed);
  if (named?.key === "started") {
    return TIMES.filter(([time]) => time.startsWith(named.value)).map(([time, note]) =>
      completion(`started:${time}`, `started:${time}`, note),
    );
  }
  if (named !== null) return namesOfKey(named, facets).slice(0, MOST_SHOWN);
  return anything(typed, facets).slice(0, MOST_SHOWN);
}

function namesOfKey({ sign, key, value }: Named, facets: Facets | undefined): Completion[] {
  if (key === "started") return [];
  const before = value.includes(",") ? value.slice(0, value.lastIndexOf(",") + 1) : "";
  const part = unquoted(value.slice(before.length)).toLowerCase();
  return listOf(facets, key)
    .filter(({ name }) => name.toLowerCase().includes(part))
    .map(({ name, runs }) => completion(`${sign}${key}:${before}${quoted(name)}`, name, runsText(runs)));
}

/** For a word that says nothing of what it is: names of all kinds that have it, values, and words to begin with. */
function anything(typed: string, facets: Facets | undefined): Completion[] {
  const part = unquoted(typed).toLowerCase();
  const keys = KEYS.filter((key) => key.startsWith(part)).map((key) => ({
    key: `key ${key}`,
    text: `${key}:`,
    isFinal: false,
    label: `${key}:`,
    note: HINTS[key],
  }));
  const values = valuesOf(part, facets);
  if (part === "") return [...keys, ...values];
  const names = (["status", "flow", "user", "tag", "project", "branch"] as const).flatMap((key) =>
    listOf(facets, key)
      .filter(({ name }) => name.toLowerCase().includes(part))
      .slice(0, SHOWN_OF_EACH)
      .map(({ name, runs }) => completion(`${key}:${quoted(name)}`, `${key}:${name}`, runsText(runs))),
  );
  return [...keys, ...names, ...values];
}

function valuesOf(part: string, facets: Facets | undefined): Completion[] {
  const bare = part.replace(VALUE_KIND, "");
  return (["parameters", "artifacts"] as const).flatMap((kind) =>
    likeliestFirst(
      (facets?.[kind].names ?? []).filter(
        (name) =>
          name.toLowerCase().includes(bare) && (kind === "parameters" || !facets?.parameters.names.includes(name)),
      ),
      bare,
    )
      .slice(0, SHOWN_OF_EACH)
      .map((name) => {
        const text = kind === "parameters" ? parameterWord(name) : `artifact.${name}`;
        const note =
          kind === "parameters" ? "parameter: = != < <= > >= a value" : "artifact of the last step: = < > a value";
        return { key: `value ${text}`, text, isFinal: false, label: text, note };
      }),
  );
}

/** What is typed in full comes first, then what begins with it: `name` before `file_name`, however frequent that is. */
function likeliestFirst(names: readonly string[], part: string): string[] {
  const rank = (name: string) => (name.toLowerCase() === part ? 0 : name.toLowerCase().startsWith(part) ? 1 : 2);
  return names.toSorted((one, other) => rank(one) - rank(other));
}

function listOf(facets: Facets | undefined, key: Exclude<Key, "started">) {
  const lists = {
    status: "statuses",
    flow: "flows",
    user: "users",
    tag: "tags",
    project: "projects",
    branch: "branches",
  };
  return facets?.[lists[key] as "flows"].names ?? [];
}

function completion(text: string, label: string, note: string): Completion {
  return { key: text, text, isFinal: true, label, note };
}

function runsText(runs: number): string {
  return `${runs.toLocaleString("en")} ${runs === 1 ? "run" : "runs"}`;
}

function unquoted(text: string): string {
  return text.replaceAll('"', "");
}

/** The field's text, and where the caret is, after a completion took the place of the word at the caret. */
export function completed(text: string, caret: number, { text: chosen, isFinal }: Completion): [string, number] {
  const word = wordAt(text, caret);
  const ending = isFinal && text[word.end] !== " " ? " " : "";
  const before = text.slice(0, word.start) + chosen + ending;
  return [before + text.slice(word.end), before.length];
}
