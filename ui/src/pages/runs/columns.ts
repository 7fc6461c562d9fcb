import { one, type Search } from "@/app/search";
import type { ValueKind } from "./filters";

/** A column of the list: one that all runs have, or a value, as `parameter:lr`. */
export interface Column {
  id: string;
  title: string;
  /** Width in rem; what is left over is shared in proportion. */
  width: number;
  /** What the server sorts by, if it can; with a minus if the highest comes first at the first click. */
  order?: string;
  value?: { kind: ValueKind; name: string };
}

const BUILT_IN: readonly Column[] = [
  { id: "status", title: "Status", width: 6, order: "status" },
  { id: "flow", title: "Flow", width: 8.5, order: "flow" },
  { id: "run", title: "Run", width: 9.25 },
  { id: "user", title: "User", width: 5, order: "user" },
  { id: "started", title: "Started", width: 6, order: "-started_at" },
  { id: "duration", title: "Duration", width: 6.25, order: "-duration" },
  { id: "outcome", title: "Outcome", width: 14 },
  { id: "tags", title: "Tags", width: 8 },
  { id: "project", title: "Project", width: 10 },
  { id: "finished", title: "Finished", width: 6.25, order: "-finished_at" },
  { id: "origin", title: "Resumed from", width: 10 },
];

export const BUILT_IN_COLUMNS: readonly Pick<Column, "id" | "title">[] = BUILT_IN;
export const DEFAULT_COLUMNS: readonly string[] = [
  "status",
  "flow",
  "run",
  "user",
  "started",
  "duration",
  "outcome",
  "tags",
  "project",
];
const STORED = "metaflow-runs-columns";

/** The column of an id; null if there is none such. */
export function columnOf(id: string): Column | null {
  const [kind, name] = splitOnce(id);
  if ((kind === "parameter" || kind === "artifact") && name !== "") {
    return { id, title: name, width: 7, order: `${kind === "artifact" ? "-" : ""}${id}`, value: { kind, name } };
  }
  return BUILT_IN.find((column) => column.id === id) ?? null;
}

function splitOnce(id: string): [string, string] {
  const place = id.indexOf(":");
  return place < 0 ? [id, ""] : [id.slice(0, place), id.slice(place + 1)];
}

/** Which columns are shown: those of the address, else those that were chosen in this browser, else the usual ones. */
export function columnIdsOf(search: Search, stored: string | null = localStorage.getItem(STORED)): string[] {
  const text = one(search, "columns") ?? stored;
  const ids = text === null ? [...DEFAULT_COLUMNS] : text.split(",").map(decoded);
  const known = [...new Set(ids)].filter((id) => columnOf(id) !== null);
  return known.length > 0 ? known : [...DEFAULT_COLUMNS];
}

/** What an address holds of the columns; a comma in a name is written so that it does not part it. */
export function columnsText(ids: readonly string[]): string {
  return ids.map((id) => id.replaceAll("%", "%25").replaceAll(",", "%2C")).join(",");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Columns and some more, which stand before those that take much room. */
export function withColumns(ids: readonly string[], more: readonly string[]): string[] {
  const missing = [...new Set(more)].filter((id) => id !== "" && !ids.includes(id));
  const wide = ids.findIndex((id) => ["outcome", "tags", "project"].includes(id));
  return wide < 0 ? [...ids, ...missing] : [...ids.slice(0, wide), ...missing, ...ids.slice(wide)];
}

/** Remember the columns for addresses that name none. */
export function rememberColumns(ids: readonly string[]): void {
  if (columnsText(ids) === columnsText(DEFAULT_COLUMNS)) localStorage.removeItem(STORED);
  else localStorage.setItem(STORED, columnsText(ids));
}

/** The order behind a click on a column's head: its own, then the opposite, then the usual one again. */
export function nextOrder(column: Column, order: string): string {
  if (column.order === undefined) return order;
  const isNewestFirst = column.order === "-started_at" && order === "";
  if (order === column.order || isNewestFirst) return opposite(column.order);
  return order === opposite(column.order) ? "" : column.order;
}

/** How a column is sorted in an order. */
export function sortingOf(column: Column, order: string): "ascending" | "descending" | "none" {
  const current = order === "" ? "-started_at" : order;
  if (column.order === undefined || bare(column.order) !== bare(current)) return "none";
  return current.startsWith("-") ? "descending" : "ascending";
}

/** The column that an order is by, if it is a value: it is shown, too. */
export function columnOfOrder(order: string): string | null {
  const id = bare(order);
  return columnOf(id)?.value === undefined ? null : id;
}

function bare(order: string): string {
  return order.startsWith("-") ? order.slice(1) : order;
}

function opposite(order: string): string {
  return order.startsWith("-") ? order.slice(1) : `-${order}`;
}
