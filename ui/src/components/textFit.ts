import { visible } from "@/format/untrusted";

let canvas: CanvasRenderingContext2D | null | undefined;
const widths = new Map<string, number>();
const MOST_REMEMBERED = 5000;
/** What a character takes where nothing can be measured, as a share of its size. */
const TYPICAL = 0.56;

/** How wide a text is, in pixels, in the page's own font. */
export function textWidth(text: string, size: number, weight = 400): number {
  const key = `${size} ${weight} ${text}`;
  const known = widths.get(key);
  if (known !== undefined) return known;
  canvas ??= document.createElement("canvas").getContext("2d");
  let width = text.length * size * TYPICAL;
  if (canvas) {
    canvas.font = `${weight} ${size}px ${getComputedStyle(document.body).fontFamily || "sans-serif"}`;
    width = canvas.measureText(text).width;
  }
  if (widths.size > MOST_REMEMBERED) widths.clear();
  widths.set(key, width);
  return width;
}

/** A text from a flow, made visible, and cut with an ellipsis to what fits. */
export function fitting(text: string, most: number, size: number, weight = 400): string {
  const shown = visible(text).replace(/\s+/g, " ").slice(0, 300);
  if (textWidth(shown, size, weight) <= most) return shown;
  const characters = Array.from(shown);
  let low = 0;
  let high = characters.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (textWidth(`${characters.slice(0, middle).join("")}…`, size, weight) <= most) low = middle;
    else high = middle - 1;
  }
  return `${characters.slice(0, low).join("")}…`;
}
