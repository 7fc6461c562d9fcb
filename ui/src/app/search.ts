/** What an address holds behind its `?`: texts by name, or lists of them. */
export type Search = Record<string, string | string[] | undefined>;

/** Read the part of an address behind its path: `?flow=A&tag=x&tag=y`. */
export function parseSearch(text: string): Search {
  const found: Search = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const before = found[name];
    found[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  return found;
}

/** Write it; what is undefined or an empty text is left out. */
export function stringifySearch(search: Record<string, unknown>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    for (const each of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof each === "string" && each !== "") query.append(name, each);
      else if (typeof each === "number" || typeof each === "boolean") query.append(name, String(each));
    }
  }
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}

/** The value of a name that has one; the first if there are several. */
export function one(search: Search, name: string): string | undefined {
  const value = search[name];
  return Array.isArray(value) ? value[0] : value;
}

/** All values of a name. */
export function several(search: Search, name: string): string[] {
  const value = search[name];
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}
