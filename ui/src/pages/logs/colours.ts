/** Colours of terminals, brought to a contrast with which they can be read on either theme. */

/** A colour as 0xRRGGBB. */
export type Rgb = number;

// What text stands on in the two themes; see tokens.css.
const LIGHT: Rgb = 0xffffff;
const DARK: Rgb = 0x1b1f26;
const WANTED = 4.6;

// The sixteen colours as xterm has them; as the colour of text, they are the theme's own.
const BASIC = [
  0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5, 0x7f7f7f, 0xff0000, 0x00ff00,
  0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff,
];
const CUBE = [0, 95, 135, 175, 215, 255];

/** One of the 256 colours. */
export function paletteColour(index: number): Rgb {
  const basic = BASIC[index];
  if (basic !== undefined) return basic;
  if (index >= 232) return 0x010101 * (8 + 10 * (Math.min(index, 255) - 232));
  const place = Math.max(0, index - 16);
  return (cube(place / 36) << 16) | (cube(place / 6) << 8) | cube(place);
}

function cube(place: number): number {
  return CUBE[Math.floor(place) % 6] ?? 0;
}

/** Colour of text that can be read in the light and in the dark theme. */
export function readable(colour: Rgb): string {
  return `light-dark(${hex(towards(colour, 0x000000, LIGHT))}, ${hex(towards(colour, 0xffffff, DARK))})`;
}

/** A background, and the colour of text on it: the one that is asked for, if it can be read there. */
export function onBackground(background: Rgb, colour: Rgb | null): { background: string; colour: string } {
  const black = contrast(0x000000, background) >= contrast(0xffffff, background);
  const ink = colour !== null && contrast(colour, background) >= WANTED ? colour : black ? 0x000000 : 0xffffff;
  return { background: hex(background), colour: hex(ink) };
}

/** How well one colour is told from another, from 1 to 21, as WCAG defines it. */
export function contrast(one: Rgb, other: Rgb): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

function towards(colour: Rgb, end: Rgb, background: Rgb): Rgb {
  for (let share = 0; share < 1; share += 0.1) {
    const mixed = mix(colour, end, share);
    if (contrast(mixed, background) >= WANTED) return mixed;
  }
  return end;
}

function mix(one: Rgb, other: Rgb, share: number): Rgb {
  const part = (shift: number) =>
    Math.round(((one >> shift) & 255) * (1 - share) + ((other >> shift) & 255) * share) << shift;
  return part(16) | part(8) | part(0);
}

function luminance(colour: Rgb): number {
  const [red, green, blue] = [16, 8, 0].map((shift) => {
    const part = ((colour >> shift) & 255) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function hex(colour: Rgb): string {
  return `#${colour.toString(16).padStart(6, "0")}`;
}
