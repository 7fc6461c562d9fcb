import { visible } from "@/format/untrusted";
import { taskName } from "./describe";
import { AXIS_HEIGHT, drawAxis, drawRows, type Scene } from "./draw";
import { heightOf, visibleRows, type Row } from "./rows";
import { CanvasSurface, SvgSurface, type Surface } from "./surface";

const LABELS = 200;
const TITLE = 32;
const SCALE = 2;
const LONGEST = 28;

/** Draw what is shown with its title and names, to take away. */
function drawPicture(surface: Surface, scene: Scene, title: string): void {
  const { palette } = scene;
  const [width, height] = sizeOf(scene);
  surface.rect(0, 0, width, height, palette.surface);
  surface.text(12, TITLE / 2, visible(title), palette.ink);
  surface.within(LABELS, TITLE, scene.width, AXIS_HEIGHT, () => drawAxis(new Shifted(surface, LABELS, TITLE), scene));
  const top = TITLE + AXIS_HEIGHT;
  surface.within(LABELS, top, scene.width, scene.height, () => drawRows(new Shifted(surface, LABELS, top), scene));
  surface.within(0, top, LABELS, scene.height, () => {
    const [first, last] = visibleRows(scene.layout, scene.scrollTop, scene.height);
    for (let place = first; place < last; place++) {
      const row = scene.layout.rows[place];
      if (row === undefined) continue;
      const y = top + (scene.layout.tops[place] ?? 0) - scene.scrollTop + heightOf(row) / 2;
      surface.text(row.kind === "task" ? 28 : 12, y, shortened(nameOf(scene, row)), palette.ink);
    }
  });
}

function nameOf(scene: Scene, row: Row): string {
  if (row.kind === "more") return "";
  if (row.kind === "task") return taskName(scene.model, row.row);
  return visible(scene.model.steps[row.step]?.name ?? "");
}

function shortened(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`;
}

function sizeOf(scene: Scene): [number, number] {
  return [LABELS + scene.width, TITLE + AXIS_HEIGHT + scene.height];
}

/** The picture as a file of SVG. */
export function svgOf(scene: Scene, title: string): Blob {
  const surface = new SvgSurface();
  drawPicture(surface, scene, title);
  return new Blob([surface.document(...sizeOf(scene), scene.palette.font)], { type: "image/svg+xml" });
}

/** The picture as a file of PNG. */
export async function pngOf(scene: Scene, title: string): Promise<Blob> {
  const canvas = document.createElement("canvas");
  const [width, height] = sizeOf(scene);
  canvas.width = width * SCALE;
  canvas.height = height * SCALE;
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("This browser cannot draw a picture of this size.");
  context.scale(SCALE, SCALE);
  drawPicture(new CanvasSurface(context, scene.palette.font), scene, title);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob === null ? reject(new Error("The picture cannot be made.")) : resolve(blob)));
  });
}

/** Have the browser keep a file. */
export function saveFile(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** A surface of which everything is drawn further right and down. */
class Shifted implements Surface {
  constructor(
    private readonly to: Surface,
    private readonly x: number,
    private readonly y: number,
  ) {}

  rect: Surface["rect"] = (x, y, ...rest) => this.to.rect(x + this.x, y + this.y, ...rest);
  frame: Surface["frame"] = (x, y, ...rest) => this.to.frame(x + this.x, y + this.y, ...rest);
  hatch: Surface["hatch"] = (x, y, ...rest) => this.to.hatch(x + this.x, y + this.y, ...rest);
  text: Surface["text"] = (x, y, ...rest) => this.to.text(x + this.x, y + this.y, ...rest);
  within: Surface["within"] = (x, y, ...rest) => this.to.within(x + this.x, y + this.y, ...rest);
  line: Surface["line"] = (points, ...rest) => this.to.line(this.moved(points), ...rest);
  area: Surface["area"] = (points, ...rest) => this.to.area(this.moved(points), ...rest);

  private moved(points: readonly (readonly [number, number])[]): [number, number][] {
    return points.map(([x, y]) => [x + this.x, y + this.y]);
  }
}
