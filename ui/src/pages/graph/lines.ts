import type { GraphEdge, GraphPoint } from "@/api/schema";

/** Where on its first part the words of an edge are: beyond the middle, where lines of one source have parted. */
const LABEL_SHARE = 0.62;
/** How much of the way to its controls the bow of a curve reaches. */
const BOW_SHARE = 0.75;

function written(...numbers: number[]): string {
  return numbers.map((number) => number.toFixed(1)).join(" ");
}

/** The way of an edge as an SVG path: curves between layers, straight lines through them, a bow for what goes back. */
export function edgePath({ points, goes_back }: GraphEdge, across: boolean): string {
  const [first, ...rest] = points;
  if (first === undefined) return "";
  const start = `M${written(first.x, first.y)}`;
  if (goes_back) return `${start}C${rest.map(({ x, y }) => written(x, y)).join(" ")}`;
  let path = start;
  let { x, y } = first;
  for (const end of rest) {
    if (across ? y === end.y : x === end.x) path += `L${written(end.x, end.y)}`;
    else if (across) {
      const half = (end.x - x) / 2;
      path += `C${written(x + half, y, end.x - half, end.y, end.x, end.y)}`;
    } else {
      const half = (end.y - y) / 2;
      path += `C${written(x, y + half, end.x, end.y - half, end.x, end.y)}`;
    }
    ({ x, y } = end);
  }
  return path;
}

/** Where the words of an edge are. */
export function labelPoint({ points, goes_back }: GraphEdge, across: boolean): GraphPoint {
  const [start, second, third] = points;
  if (start === undefined || second === undefined) return { x: 0, y: 0 };
  if (!goes_back || third === undefined) return between(start, second, LABEL_SHARE);
  const bow = between(start, second, BOW_SHARE);
  return across ? { x: (second.x + third.x) / 2, y: bow.y } : { x: bow.x, y: (second.y + third.y) / 2 };
}

function between(one: GraphPoint, other: GraphPoint, share: number): GraphPoint {
  return { x: one.x + (other.x - one.x) * share, y: one.y + (other.y - one.y) * share };
}
