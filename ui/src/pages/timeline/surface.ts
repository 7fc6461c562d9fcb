/** What the timeline is drawn on: a canvas, or an SVG picture. */
export interface Surface {
  rect(x: number, y: number, width: number, height: number, colour: string): void;
  /** A rectangle with a border and nothing in it. */
  frame(x: number, y: number, width: number, height: number, colour: string, line: number, dashed?: boolean): void;
  /** A rectangle of slanted lines. */
  hatch(x: number, y: number, width: number, height: number, colour: string): void;
  line(points: readonly (readonly [number, number])[], colour: string, width: number, dashed?: boolean): void;
  area(points: readonly (readonly [number, number])[], colour: string): void;
  text(x: number, y: number, text: string, colour: string, align?: "start" | "middle" | "end"): void;
  /** Draw nothing outside a rectangle while `draw` draws. */
  within(x: number, y: number, width: number, height: number, draw: () => void): void;
}

const FONT_SIZE = 12;
const HATCH = 6;

/** Draws on a canvas. */
export class CanvasSurface implements Surface {
  private readonly patterns = new Map<string, CanvasPattern | null>();

  constructor(
    private readonly context: CanvasRenderingContext2D,
    private readonly font: string,
  ) {}

  rect(x: number, y: number, width: number, height: number, colour: string): void {
    this.context.fillStyle = colour;
    this.context.fillRect(x, y, width, height);
  }

  frame(x: number, y: number, width: number, height: number, colour: string, line: number, dashed = false): void {
    this.context.strokeStyle = colour;
    this.context.lineWidth = line;
    this.context.setLineDash(dashed ? [3, 2] : []);
    this.context.strokeRect(x, y, width, height);
  }

  hatch(x: number, y: number, width: number, height: number, colour: string): void {
    let pattern = this.patterns.get(colour);
    if (pattern === undefined) {
      pattern = this.pattern(colour);
      this.patterns.set(colour, pattern);
    }
    this.context.fillStyle = pattern ?? colour;
    this.context.fillRect(x, y, width, height);
  }

  line(points: readonly (readonly [number, number])[], colour: string, width: number, dashed = false): void {
    this.context.strokeStyle = colour;
    this.context.lineWidth = width;
    this.context.setLineDash(dashed ? [4, 3] : []);
    this.trace(points);
    this.context.stroke();
  }

  area(points: readonly (readonly [number, number])[], colour: string): void {
    this.context.fillStyle = colour;
    this.trace(points);
    this.context.closePath();
    this.context.fill();
  }

  text(x: number, y: number, text: string, colour: string, align: "start" | "middle" | "end" = "start"): void {
    this.context.font = `${FONT_SIZE}px ${this.font}`;
    this.context.textBaseline = "middle";
    this.context.textAlign = align === "middle" ? "center" : align;
    this.context.fillStyle = colour;
    this.context.fillText(text, x, y);
  }

  within(x: number, y: number, width: number, height: number, draw: () => void): void {
    this.context.save();
    this.context.beginPath();
    this.context.rect(x, y, width, height);
    this.context.clip();
    draw();
    this.context.restore();
  }

  private trace(points: readonly (readonly [number, number])[]): void {
    this.context.beginPath();
    for (const [x, y] of points) this.context.lineTo(x, y);
  }

  private pattern(colour: string): CanvasPattern | null {
    const tile = document.createElement("canvas");
    tile.width = tile.height = HATCH;
    const context = tile.getContext("2d");
    if (context === null) return null;
    context.strokeStyle = colour;
    context.lineWidth = 1.2;
    // Thrice, so that the corners of the tile are covered too.
    for (const shift of [-HATCH, 0, HATCH]) {
      context.moveTo(shift, HATCH);
      context.lineTo(shift + HATCH, 0);
    }
    context.stroke();
    return this.context.createPattern(tile, "repeat");
  }
}

/** Writes an SVG picture. */
export class SvgSurface implements Surface {
  private readonly parts: string[] = [];
  private readonly hatches = new Map<string, string>();
  private clips = 0;

  rect(x: number, y: number, width: number, height: number, colour: string): void {
    this.parts.push(`<rect ${box(x, y, width, height)} fill="${escaped(colour)}"/>`);
  }

  frame(x: number, y: number, width: number, height: number, colour: string, line: number, dashed = false): void {
    const dash = dashed ? ' stroke-dasharray="3 2"' : "";
    this.parts.push(
      `<rect ${box(x, y, width, height)} fill="none" stroke="${escaped(colour)}" stroke-width="${line}"${dash}/>`,
    );
  }

  hatch(x: number, y: number, width: number, height: number, colour: string): void {
    let id = this.hatches.get(colour);
    if (id === undefined) {
      id = `hatch-${this.hatches.size}`;
      this.hatches.set(colour, id);
    }
    this.parts.push(`<rect ${box(x, y, width, height)} fill="url(#${id})"/>`);
  }

  line(points: readonly (readonly [number, number])[], colour: string, width: number, dashed = false): void {
    const dash = dashed ? ' stroke-dasharray="4 3"' : "";
    this.parts.push(
      `<polyline points="${list(points)}" fill="none" stroke="${escaped(colour)}" stroke-width="${width}"${dash}/>`,
    );
  }

  area(points: readonly (readonly [number, number])[], colour: string): void {
    this.parts.push(`<polygon points="${list(points)}" fill="${escaped(colour)}"/>`);
  }

  text(x: number, y: number, text: string, colour: string, align: "start" | "middle" | "end" = "start"): void {
    this.parts.push(
      `<text x="${round(x)}" y="${round(y)}" fill="${escaped(colour)}" text-anchor="${align}" dominant-baseline="central">` +
        `${escaped(text)}</text>`,
    );
  }

  within(x: number, y: number, width: number, height: number, draw: () => void): void {
    const id = `clip-${this.clips++}`;
    this.parts.push(`<clipPath id="${id}"><rect ${box(x, y, width, height)}/></clipPath><g clip-path="url(#${id})">`);
    draw();
    this.parts.push("</g>");
  }

  /** The picture as a file. */
  document(width: number, height: number, font: string): string {
    const hatches = [...this.hatches].map(
      ([colour, id]) =>
        `<pattern id="${id}" width="${HATCH}" height="${HATCH}" patternUnits="userSpaceOnUse">` +
        `<path d="M-${HATCH} ${HATCH}L0 0M0 ${HATCH}L${HATCH} 0M${HATCH} ${HATCH}L${2 * HATCH} 0" ` +
        `stroke="${escaped(colour)}" stroke-width="1.2"/></pattern>`,
    );
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
      `font-family="${escaped(font)}" font-size="${FONT_SIZE}">` +
      `<defs>${hatches.join("")}</defs>${this.parts.join("")}</svg>`
    );
  }
}

function box(x: number, y: number, width: number, height: number): string {
  return `x="${round(x)}" y="${round(y)}" width="${round(Math.max(0, width))}" height="${round(Math.max(0, height))}"`;
}

function list(points: readonly (readonly [number, number])[]): string {
  return points.map(([x, y]) => `${round(x)},${round(y)}`).join(" ");
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Text of flows as part of XML, without the characters that no XML may have. */
function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/"/g, "&quot;");
}
