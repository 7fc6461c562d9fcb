/** Lines that are selected, in the address as `12` or `12-20`. */
export interface LineRange {
  first: number;
  last: number;
}

export function parseLineRange(text: string | undefined): LineRange | null {
  const found = /^L?(\d{1,12})(?:-L?(\d{1,12}))?$/.exec(text ?? "");
  if (found?.[1] === undefined) return null;
  const [one, other] = [Number(found[1]), Number(found[2] ?? found[1])];
  if (one < 1 || other < 1) return null;
  return { first: Math.min(one, other), last: Math.max(one, other) };
}

export function formatLineRange(range: LineRange | null): string | undefined {
  if (range === null) return undefined;
  return range.first === range.last ? String(range.first) : `${range.first}-${range.last}`;
}

/** The range after a click on the number of a line; with Shift, from where the range before begins. */
export function clickedRange(before: LineRange | null, line: number, extend: boolean): LineRange {
  if (!extend || before === null) return { first: line, last: line };
  const anchor = line < before.first ? before.last : before.first;
  return { first: Math.min(anchor, line), last: Math.max(anchor, line) };
}
