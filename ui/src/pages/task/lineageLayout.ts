import type { Lineage, LineageTask } from "@/api/schema";

export const NODE_WIDTH = 196;
export const NODE_HEIGHT = 98;
const GAP = 52;
const ROW_GAP = 14;
const NOTE_HEIGHT = 28;

export interface PlacedTask {
  task: LineageTask;
  distance: number;
  x: number;
  y: number;
}

export interface PlacedEdge {
  key: string;
  path: string;
  /** Whether one of its ends is the task in the middle. */
  isOwn: boolean;
}

export interface LineagePicture {
  width: number;
  height: number;
  nodes: PlacedTask[];
  edges: PlacedEdge[];
  /** Words below levels of which not all tasks are shown. */
  notes: { x: number; y: number; text: string }[];
}

const keyOf = (step: string, taskId: string) => `${step}/${taskId}`;

/** Where tasks stand: levels from left to right, the tasks of each one below the other around the middle. */
export function layOut(lineage: Lineage): LineagePicture {
  const tallest = Math.max(...lineage.levels.map((level) => level.tasks.length), 1);
  const hasNotes = lineage.levels.some((level) => noteOf(level) !== "");
  const inner = tallest * NODE_HEIGHT + (tallest - 1) * ROW_GAP;
  const picture: LineagePicture = {
    width: lineage.levels.length * NODE_WIDTH + (lineage.levels.length - 1) * GAP,
    height: inner + (hasNotes ? NOTE_HEIGHT : 0),
    nodes: [],
    edges: [],
    notes: [],
  };
  const places = new Map<string, PlacedTask>();
  lineage.levels.forEach((level, column) => {
    const x = column * (NODE_WIDTH + GAP);
    const own = level.tasks.length * NODE_HEIGHT + (level.tasks.length - 1) * ROW_GAP;
    const top = (inner - own) / 2;
    level.tasks.forEach((task, row) => {
      const placed = { task, distance: level.distance, x, y: top + row * (NODE_HEIGHT + ROW_GAP) };
      picture.nodes.push(placed);
      places.set(keyOf(task.step, task.task_id), placed);
    });
    const text = noteOf(level);
    if (text !== "") picture.notes.push({ x, y: top + own + ROW_GAP / 2, text });
  });
  for (const { source, target } of lineage.edges) {
    const from = places.get(keyOf(source.step, source.task_id));
    const to = places.get(keyOf(target.step, target.task_id));
    if (from === undefined || to === undefined) continue;
    picture.edges.push({
      key: `${keyOf(source.step, source.task_id)}>${keyOf(target.step, target.task_id)}`,
      path: curve(from.x + NODE_WIDTH, from.y + NODE_HEIGHT / 2, to.x, to.y + NODE_HEIGHT / 2),
      isOwn: from.distance === 0 || to.distance === 0,
    });
  }
  return picture;
}

function noteOf(level: Lineage["levels"][number]): string {
  if (level.left_out === 0 && !level.left_out_is_least) return "";
  if (level.left_out === 0) return "and perhaps more";
  return `and ${level.left_out.toLocaleString("en")}${level.left_out_is_least ? " or more" : ""} others`;
}

function curve(x1: number, y1: number, x2: number, y2: number): string {
  const middle = (x1 + x2) / 2;
  return `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
}
