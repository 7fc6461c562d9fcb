import type { RunRow } from "@/api/schema";
import { keyOf } from "./queries";

export type Grouping = "" | "flow" | "user";

/** A line of the list: a run, or the head of a group of them. */
export type Item = { kind: "run"; key: string; run: RunRow } | { kind: "group"; key: string; name: string };

/** The lines of a list that is sorted by what it is grouped by. */
export function itemsOf(runs: readonly RunRow[], grouping: Grouping): Item[] {
  const items: Item[] = [];
  let last: string | null = null;
  for (const run of runs) {
    if (grouping !== "" && run[grouping] !== last) {
      last = run[grouping];
      // A key of a run has a slash behind a flow's name, so that it never is one of these.
      items.push({ kind: "group", key: `\n${last}`, name: last });
    }
    items.push({ kind: "run", key: keyOf(run), run });
  }
  return items;
}

/** The grouping that an address asks for. */
export function groupingOf(text: string | undefined): Grouping {
  return text === "flow" || text === "user" ? text : "";
}
