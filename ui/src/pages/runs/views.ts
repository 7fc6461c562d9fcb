import { stringifySearch, parseSearch, type Search } from "@/app/search";

/** A view of the list: what its address holds behind the question mark. */
export interface View {
  name: string;
  search: Search;
  /** Where it was saved; nowhere if every app has it. */
  place: "app" | "browser" | null;
}

const STORED = "metaflow-views";

/** The views that every app has. */
export function usualViews(user: string): View[] {
  return [
    { name: "All", search: {}, place: null },
    { name: "Running", search: { status: "running" }, place: null },
    { name: "Failed today", search: { status: "failed", since: "today" }, place: null },
    ...(user === "" ? [] : [{ name: "Mine", search: { user }, place: null }]),
  ];
}

/** Whether an address shows a view: the same names and values, in whatever order. */
export function isShown(view: View, search: Search): boolean {
  return canonical(view.search) === canonical(search);
}

function canonical(search: Search): string {
  const pairs = [...new URLSearchParams(stringifySearch(search))];
  return JSON.stringify(pairs.map(([name, value]) => `${name}=${value}`).sort());
}

/** The part of an address that a view keeps. */
export function viewText(search: Search): string {
  return stringifySearch(search).replace(/^\?/, "");
}

/** Views that are kept in this browser, where nothing may be saved on the server. */
export function storedViews(text: string | null = localStorage.getItem(STORED)): View[] {
  try {
    const views: unknown = JSON.parse(text ?? "{}");
    if (typeof views !== "object" || views === null || Array.isArray(views)) return [];
    return Object.entries(views)
      .filter((entry): entry is [string, string] => typeof entry[1] === "string")
      .map(([name, search]) => ({ name, search: parseSearch(search), place: "browser" }));
  } catch {
    return [];
  }
}

export function storeView(name: string, search: string | null): void {
  const views = Object.fromEntries(storedViews().map((view) => [view.name, viewText(view.search)]));
  const others = Object.entries(views).filter(([each]) => each !== name);
  localStorage.setItem(
    STORED,
    JSON.stringify(Object.fromEntries(search === null ? others : [...others, [name, search]])),
  );
}
