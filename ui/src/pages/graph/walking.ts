import type { GraphEdge, GraphStep } from "@/api/schema";

export type Direction = "ArrowUp" | "ArrowDown" | "ArrowLeft" | "ArrowRight";

/**
 * The step that an arrow key leads to: along the edges in the graph's direction, to the neighbour across it.
 * Null if there is none.
 */
export function walk(
  steps: readonly GraphStep[],
  edges: readonly GraphEdge[],
  from: string,
  direction: Direction,
  across: boolean,
): string | null {
  const here = steps.find((step) => step.name === from);
  if (here === undefined) return null;
  const onward = across ? "ArrowRight" : "ArrowDown";
  const back = across ? "ArrowLeft" : "ArrowUp";
  const named = new Map(steps.map((step) => [step.name, step]));
  const near = (names: readonly string[]) =>
    nearest(
      here,
      names.flatMap((name) => named.get(name) ?? []),
      across,
    );
  if (direction === onward) return near(ends(edges, from, "source", "target"));
  if (direction === back) return near(ends(edges, from, "target", "source"));
  const middle = (step: GraphStep) => (across ? step.x + step.width / 2 : step.y + step.height / 2);
  const extent = across ? here.width : here.height;
  const place = (step: GraphStep) => (across ? step.y : step.x);
  const forward = direction === "ArrowRight" || direction === "ArrowDown";
  const beside = steps.filter(
    (step) =>
      step.name !== from &&
      Math.abs(middle(step) - middle(here)) < extent &&
      (forward ? place(step) > place(here) : place(step) < place(here)),
  );
  return nearest(here, beside, across);
}

function ends(edges: readonly GraphEdge[], from: string, start: "source" | "target", end: "source" | "target") {
  const found = edges.filter((edge) => edge[start] === from && edge[end] !== from);
  const forward = found.filter((edge) => !edge.goes_back);
  return (forward.length > 0 ? forward : found).map((edge) => edge[end]);
}

function nearest(here: GraphStep, steps: readonly GraphStep[], across: boolean): string | null {
  const place = (step: GraphStep) => (across ? step.y : step.x);
  let best: GraphStep | null = null;
  for (const step of steps) {
    if (best === null || Math.abs(place(step) - place(here)) < Math.abs(place(best) - place(here))) best = step;
  }
  return best?.name ?? null;
}
