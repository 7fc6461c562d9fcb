/**
 * Browsers draw nothing that is more than some 17 million pixels high. Of a log with more rows than fit, a segment is
 * shown, which moves on when its ends come near.
 */
const SEGMENT_ROWS = 600_000;

export interface Segment {
  /** The first row, and how many there are. */
  base: number;
  count: number;
}

/**
 * The segment to show of so many rows if a row is to be in it: the one before, if that will do.
 *
 * @param stays whether the segment before stays wherever the row is, and only its length is asked for
 */
export function segmentFor(
  total: number,
  row: number,
  before: Segment | null,
  size: number = SEGMENT_ROWS,
  stays = false,
): Segment {
  if (before !== null && (stays || total > size)) {
    const base = Math.max(0, Math.min(before.base, total - 1));
    const end = Math.min(total, base + size);
    const margin = Math.floor(size / 10);
    const isNearBegin = base > 0 && row < base + margin;
    const isNearEnd = end < total && row >= end - margin;
    if (stays || (row >= base && row < end && !isNearBegin && !isNearEnd)) return { base, count: end - base };
  }
  if (total <= size) return { base: 0, count: total };
  const base = Math.max(0, Math.min(row - Math.floor(size / 2), total - size));
  return { base, count: size };
}
