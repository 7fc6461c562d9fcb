/** Whether a piece of data has others in it. */
export function isBranch(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** What is in it, by name; elements of a list by their numbers. */
export function branchesOf(value: object): [string, unknown][] {
  return Array.isArray(value)
    ? (value as unknown[]).map((each, index) => [String(index), each])
    : Object.entries(value as Record<string, unknown>);
}

/** What a closed branch says of itself: `{3}`, `[12]`. */
export function summaryOf(value: object): string {
  const count = branchesOf(value).length;
  return Array.isArray(value) ? `[${count}]` : `{${count}}`;
}
