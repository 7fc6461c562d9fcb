/** What part of a drawing is seen: the drawing's point (x, y) is drawn at (x * scale + left, y * scale + top). Pure. */
export interface Viewport {
  scale: number;
  left: number;
  top: number;
}

export interface Extent {
  width: number;
  height: number;
}

export interface Box extends Extent {
  x: number;
  y: number;
}

const SMALLEST = 0.05;
const LARGEST = 2.5;
/** A small drawing is not blown up to fill its frame. */
const LARGEST_FIT = 1.15;
const MARGIN = 16;
/** So much of a drawing always stays in its frame. */
const KEPT = 48;

function between(low: number, value: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** All of a drawing in its frame; not below `least`, where texts cannot be read: then it begins at its beginning. */
export function fitted(drawing: Extent, frame: Extent, least = SMALLEST): Viewport {
  const room = { width: Math.max(1, frame.width - 2 * MARGIN), height: Math.max(1, frame.height - 2 * MARGIN) };
  const whole = Math.min(room.width / Math.max(1, drawing.width), room.height / Math.max(1, drawing.height));
  const scale = between(Math.max(SMALLEST, least), whole, LARGEST_FIT);
  const place = (size: number, space: number) => Math.max(MARGIN, (space - size * scale) / 2);
  return { scale, left: place(drawing.width, frame.width), top: place(drawing.height, frame.height) };
}

/** Larger or smaller by a factor, with one point of the frame staying where it is. */
export function zoomed(viewport: Viewport, factor: number, at: { x: number; y: number }): Viewport {
  const scale = between(SMALLEST, viewport.scale * factor, LARGEST);
  const change = scale / viewport.scale;
  return { scale, left: at.x - (at.x - viewport.left) * change, top: at.y - (at.y - viewport.top) * change };
}

/** Moved, but never so far that nothing is seen any more. */
export function moved(viewport: Viewport, x: number, y: number, drawing: Extent, frame: Extent): Viewport {
  const { scale } = viewport;
  return {
    scale,
    left: between(KEPT - drawing.width * scale, viewport.left + x, frame.width - KEPT),
    top: between(KEPT - drawing.height * scale, viewport.top + y, frame.height - KEPT),
  };
}

/** Moved as little as possible so that a box is seen as a whole. */
export function showing(viewport: Viewport, box: Box, frame: Extent): Viewport {
  const shift = (start: number, size: number, space: number) => {
    if (start < MARGIN) return MARGIN - start;
    const over = start + size - (space - MARGIN);
    return over > 0 ? -Math.min(over, start - MARGIN) : 0;
  };
  const { scale } = viewport;
  return {
    scale,
    left: viewport.left + shift(box.x * scale + viewport.left, box.width * scale, frame.width),
    top: viewport.top + shift(box.y * scale + viewport.top, box.height * scale, frame.height),
  };
}

/** The part of a drawing that is seen, with some room around it. */
export function seen(viewport: Viewport, frame: Extent, around = 100): Box {
  const { scale, left, top } = viewport;
  return {
    x: (-left - around) / scale,
    y: (-top - around) / scale,
    width: (frame.width + 2 * around) / scale,
    height: (frame.height + 2 * around) / scale,
  };
}

/** Whether two boxes have a point in common. */
export function meet(one: Box, other: Box): boolean {
  return (
    one.x <= other.x + other.width &&
    other.x <= one.x + one.width &&
    one.y <= other.y + other.height &&
    other.y <= one.y + one.height
  );
}
