/** Drawings to take away: an SVG of the page as a file of its own, or as a PNG. */

const PROPERTIES = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "stroke-linecap",
  "stroke-linejoin",
  "stroke-opacity",
  "opacity",
  "font-family",
  "font-size",
  "font-weight",
  "font-variant-numeric",
  "text-anchor",
  "dominant-baseline",
  "visibility",
] as const;
const PIXELS_PER_POINT = 2;
/** Browsers refuse larger canvases. */
const MOST_PIXELS = 16_000;

/** Text of an SVG file that looks as the drawing does now, with its size and background. */
function standalone(svg: SVGSVGElement, size: { width: number; height: number }): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  copyStyles(svg, copy);
  for (const element of copy.querySelectorAll("[data-screen-only]")) element.remove();
  for (const element of [copy, ...copy.querySelectorAll("*")]) {
    for (const name of ["class", "tabindex", "role", "aria-label", "aria-pressed"]) element.removeAttribute(name);
  }
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", String(size.width));
  copy.setAttribute("height", String(size.height));
  copy.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  const background = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  background.setAttribute("width", "100%");
  background.setAttribute("height", "100%");
  background.setAttribute("fill", getComputedStyle(document.body).backgroundColor);
  copy.prepend(background);
  return new XMLSerializer().serializeToString(copy);
}

function copyStyles(from: Element, to: Element): void {
  const style = getComputedStyle(from);
  for (const property of PROPERTIES) {
    const value = style.getPropertyValue(property);
    if (value !== "") to.setAttribute(property, value.startsWith("var(") ? "" : value);
  }
  to.removeAttribute("style");
  for (const [index, child] of [...from.children].entries()) {
    const other = to.children[index];
    if (other !== undefined) copyStyles(child, other);
  }
}

/** A PNG of an SVG file, twice as fine as the screen's points. */
async function rasterised(svg: string, size: { width: number; height: number }): Promise<Blob> {
  const finest = Math.min(PIXELS_PER_POINT, MOST_PIXELS / Math.max(size.width, size.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(size.width * finest));
  canvas.height = Math.max(1, Math.round(size.height * finest));
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return await new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob === null) reject(new Error("The browser cannot make a picture of this size. Take the SVG instead."));
      else resolve(blob);
    }, "image/png");
  });
}

/** Have the browser save a file. */
export function save(name: string, content: Blob): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = fileName(name);
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** A name that every system takes. */
export function fileName(name: string): string {
  const plain = name.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[.-]+/, "");
  return plain.slice(0, 120) || "metaflow";
}

export type PictureKind = "svg" | "png";

/** Have the browser save a drawing of the page. */
export async function savePicture(
  svg: SVGSVGElement,
  size: { width: number; height: number },
  name: string,
  kind: PictureKind,
): Promise<void> {
  const text = standalone(svg, size);
  save(
    `${fileName(name)}.${kind}`,
    kind === "svg" ? new Blob([text], { type: "image/svg+xml" }) : await rasterised(text, size),
  );
}
