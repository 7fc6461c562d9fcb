import type { Piece } from "./ansi";

/** Begin and end in a text, in the units that JavaScript counts. */
export type Span = readonly [number, number];

/** A piece, with whether it is part of what was found: `which` is the number of the span, or -1. */
export interface Marked extends Piece {
  which: number;
}

/** Cut pieces at the ends of spans, which are sorted and do not overlap. */
export function markSpans(pieces: readonly Piece[], spans: readonly Span[]): Marked[] {
  const marked: Marked[] = [];
  let place = 0;
  let next = 0;
  for (const piece of pieces) {
    const end = place + piece.text.length;
    let at = place;
    while (at < end) {
      while (next < spans.length && (spans[next]?.[1] ?? 0) <= at) next += 1;
      const [from, to] = spans[next] ?? [Infinity, Infinity];
      const inside = from <= at;
      const stop = Math.min(end, inside ? to : from);
      marked.push({ text: piece.text.slice(at - place, stop - place), style: piece.style, which: inside ? next : -1 });
      at = stop;
    }
    place = end;
  }
  return marked;
}
