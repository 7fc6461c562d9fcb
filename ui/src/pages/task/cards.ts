import type { TaskCard } from "@/api/schema";

/** What each card is called: its id, else its type; cards that would be called alike are numbered. */
export function cardLabels(cards: readonly TaskCard[]): Map<string, string> {
  const labels = new Map<string, string>();
  const seen = new Map<string, number>();
  for (const card of cards) {
    const name = card.id ?? card.type;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    labels.set(card.hash, count === 1 ? name : `${name} ${count}`);
  }
  return labels;
}

/** What is told to the page of a card that has changed; null if there is nothing to tell. */
export function updateOf(
  data: Record<string, unknown> | null,
  isComplete: boolean,
): { type: "metaflow-card-update"; data: Record<string, unknown> } | null {
  if (data === null || data.render_seq === "final") return null;
  // A task that failed has left no last page: what it showed last is no longer live.
  return { type: "metaflow-card-update", data: isComplete ? { ...data, render_seq: "final" } : data };
}
