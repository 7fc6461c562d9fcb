/** A value of a tree: a leaf with its text, or a container with what is in it. */
export type Branch =
  | { kind: "leaf"; look: "text" | "number" | "word" | "odd"; text: string }
  | { kind: "branch"; isList: boolean; items: [name: string | null, value: unknown][]; leftOut: number; count: number };

/**
 * What a value of an excerpt is. In an excerpt `{"$": "…"}` stands for an object by its preview, and `$more` for how many
 * items were left out.
 */
export function branchOf(value: unknown): Branch {
  if (typeof value === "string") return { kind: "leaf", look: "text", text: JSON.stringify(value) };
  if (typeof value === "number" || typeof value === "bigint")
    return { kind: "leaf", look: "number", text: String(value) };
  if (value === null || value === undefined) return { kind: "leaf", look: "word", text: "None" };
  if (typeof value === "boolean") return { kind: "leaf", look: "word", text: value ? "True" : "False" };
  if (Array.isArray(value)) return listOf(value as unknown[]);
  if (typeof value !== "object") return { kind: "leaf", look: "odd", text: "?" };
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length === 1 && first?.[0] === "$" && typeof first[1] === "string") {
    return { kind: "leaf", look: "odd", text: first[1] };
  }
  const leftOut = leftOutOf(value);
  const items = entries.filter(([name]) => name !== "$more" || leftOut === 0);
  return { kind: "branch", isList: false, items, leftOut, count: items.length + leftOut };
}

function listOf(values: unknown[]): Branch {
  const leftOut = leftOutOf(values.at(-1));
  const shown = leftOut > 0 ? values.slice(0, -1) : values;
  return {
    kind: "branch",
    isList: true,
    items: shown.map((value) => [null, value]),
    leftOut,
    count: shown.length + leftOut,
  };
}

function leftOutOf(value: unknown): number {
  if (typeof value !== "object" || value === null || !("$more" in value)) return 0;
  return typeof value.$more === "number" && value.$more > 0 ? value.$more : 0;
}
