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

/** How many values there are in each branch of a piece of data; what has nothing in it is one itself. */
export function leafCounts(data: unknown): ReadonlyMap<object, number> {
  const parts = isBranch(data) ? [data] : [];
  // It grows as it is walked: whatever is in a part comes behind it.
  for (const part of parts) {
    for (const [, each] of branchesOf(part)) if (isBranch(each)) parts.push(each);
  }
  const counts = new Map<object, number>();
  for (const part of parts.reverse()) {
    const count = branchesOf(part).reduce((sum, [, each]) => sum + leavesOf(each, counts), 0);
    counts.set(part, count || 1);
  }
  return counts;
}

/** How many values there are in a part of what was counted. */
export function leavesOf(value: unknown, counts: ReadonlyMap<object, number>): number {
  return isBranch(value) ? (counts.get(value) ?? 1) : 1;
}
