import type { ChangedDuration, ChangesBetween } from "@/api/schema";

/** Steps that took notably longer or shorter than before, the largest difference first. */
export function notableDurations(durations: readonly ChangedDuration[]): ChangedDuration[] {
  const difference = (each: ChangedDuration) => Math.abs((each.after ?? 0) - (each.before ?? 0));
  return durations.filter((each) => each.is_notable).sort((one, other) => difference(other) - difference(one));
}

/** Whether nothing that could explain another outcome has changed; how long steps took is no explanation. */
export function nothingChanged(changes: ChangesBetween): boolean {
  const lists = [changes.parameters, changes.configs, changes.code.files, changes.environment];
  return lists.every((list) => list.length === 0) && (changes.data?.artifacts.length ?? 0) === 0;
}
