import type { TaskField } from "@/api/schema";

/** A field, and the attempts of which the same was recorded. */
export interface MergedField extends TaskField {
  attempts: number[];
}

/** Each field once, if all attempts that have it say the same of it. */
export function merged(fields: readonly TaskField[]): MergedField[] {
  const found = new Map<string, MergedField>();
  for (const field of fields) {
    const key = JSON.stringify([field.type, field.name, field.value]);
    const known = found.get(key);
    if (known === undefined) found.set(key, { ...field, attempts: [field.attempt] });
    else known.attempts.push(field.attempt);
  }
  return [...found.values()];
}

/** The fields that have all words in their names or values. */
export function matching(fields: readonly TaskField[], words: string): TaskField[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return fields.filter((field) => {
    const text = `${field.name} ${field.value} ${field.type}`.toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
}
