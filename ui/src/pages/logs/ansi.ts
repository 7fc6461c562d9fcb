import { safeLink } from "@/format/untrusted";
import type { Rgb } from "./colours";
import { paletteColour } from "./colours";

/** A colour of text: one of the theme's sixteen, or any other. */
export type Colour = { basic: number } | { rgb: Rgb };

/** How text looks. What is undefined is as usual. */
export interface Style {
  colour?: Colour;
  background?: Colour;
  bold?: boolean;
  dim?: boolean;
  italic?: boolean;
  underline?: boolean;
  strike?: boolean;
  inverse?: boolean;
  hidden?: boolean;
  link?: string;
}

/** Text that looks the same. */
export interface Piece {
  text: string;
  style: Style | null;
}

// In their order: a control sequence, a command to the system (its text ends with BEL or ESC \), other escapes.
const ESCAPE =
  // eslint-disable-next-line no-control-regex -- escape sequences begin with a control character
  /\x1b(?:\[([0-?]*)[ -/]*([@-~])|\]([^\x07\x1b\n]*)(?:\x07|\x1b\\)|[PX^_][^\x1b\n]*\x1b\\|[ -/]*[0-Z\\^-~])/g;
// eslint-disable-next-line no-control-regex -- the same
const SPECIAL = /[\x1b\r\b]/;

/**
 * What a terminal shows of a line: its text in pieces of one look each, after all that was written over.
 *
 * Escapes other than those of looks and links are left out; cursors move within the line only.
 */
export function terminalPieces(text: string): Piece[] {
  if (!SPECIAL.test(text)) return text === "" ? [] : [{ text, style: null }];
  const line = new TerminalLine();
  let end = 0;
  for (const found of text.matchAll(ESCAPE)) {
    line.write(text.slice(end, found.index));
    end = found.index + found[0].length;
    const [, parameters, final, command] = found;
    if (final !== undefined) line.control(parameters ?? "", final);
    else if (command !== undefined) line.command(command);
  }
  line.write(text.slice(end));
  return line.pieces();
}

/** The text of pieces, without their looks. */
export function plainText(pieces: readonly Piece[]): string {
  return pieces.map((piece) => piece.text).join("");
}

// Columns that a cursor is moved to at most: each before it takes memory.
const FARTHEST = 10_000;
const BETWEEN_ROWS = 2;

/** A line of a terminal: a cell for each character, and a cursor. */
class TerminalLine {
  private readonly characters: string[] = [];
  private readonly styles: (Style | null)[] = [];
  private cursor = 0;
  // Where the line begins; after the cursor went to another row, what it writes there stands behind what is here.
  private begin = 0;
  private style: Style | null = null;

  write(text: string): void {
    for (const character of text) {
      if (character === "\r") this.cursor = this.begin;
      else if (character === "\b") this.cursor = Math.max(this.begin, this.cursor - 1);
      else if (character !== "\x1b") {
        while (this.characters.length < this.cursor) this.put(this.characters.length, " ", null);
        this.put(this.cursor, character, this.style);
        this.cursor += 1;
      }
    }
  }

  control(parameters: string, final: string): void {
    if (final === "m") this.style = changedStyle(this.style, parameters);
    else if (final === "K") this.erase(Number(parameters) || 0);
    else if (final === "J" && Number(parameters) === 2) this.erase(2);
    else if (final === "C") this.cursor = Math.min(this.cursor + amount(parameters), FARTHEST);
    else if (final === "D") this.cursor = Math.max(this.begin, this.cursor - amount(parameters));
    else if (final === "G") this.cursor = this.begin + amount(parameters) - 1;
    else if ("ABEF".includes(final) && this.characters.length > 0) {
      this.begin = this.cursor = this.characters.length + BETWEEN_ROWS;
    }
  }

  command(text: string): void {
    if (!text.startsWith("8;")) return;
    const address = text.slice(text.indexOf(";", 2) + 1);
    const link = address === "" ? undefined : safeLink(address);
    this.style = withoutNothing({ ...this.style, link });
  }

  pieces(): Piece[] {
    const pieces: Piece[] = [];
    let text = "";
    this.characters.forEach((character, index) => {
      text += character;
      const style = this.styles[index] ?? null;
      if (index + 1 === this.characters.length || (this.styles[index + 1] ?? null) !== style) {
        pieces.push({ text, style });
        text = "";
      }
    });
    return pieces;
  }

  private put(place: number, character: string, style: Style | null): void {
    this.characters[place] = character;
    this.styles[place] = style;
  }

  private erase(which: number): void {
    if (which === 0) {
      this.characters.length = Math.min(this.characters.length, this.cursor);
      this.styles.length = this.characters.length;
      return;
    }
    const end = which === 2 ? this.characters.length : Math.min(this.cursor + 1, this.characters.length);
    for (let place = this.begin; place < end; place += 1) this.put(place, " ", null);
    if (which === 2) this.characters.length = this.styles.length = Math.min(this.begin, this.characters.length);
  }
}

function amount(parameters: string): number {
  return Math.min(Math.max(1, Number(parameters) || 1), 1000);
}

/** The style after an SGR sequence. */
export function changedStyle(before: Style | null, parameters: string): Style | null {
  const style: Style = { ...before };
  const codes = parameters.split(/[;:]/).map((each) => Number(each) || 0);
  for (let place = 0; place < codes.length; place += 1) {
    const code = codes[place] ?? 0;
    if (code === 38 || code === 48) {
      const [colour, used] = extendedColour(codes, place + 1);
      place += used;
      if (colour !== undefined) style[code === 38 ? "colour" : "background"] = colour;
    } else changeOne(style, code);
  }
  return withoutNothing(style);
}

const ON: Record<number, keyof Style> = {
  1: "bold",
  2: "dim",
  3: "italic",
  4: "underline",
  7: "inverse",
  8: "hidden",
  9: "strike",
  21: "underline",
};
const OFF: Record<number, (keyof Style)[]> = {
  22: ["bold", "dim"],
  23: ["italic"],
  24: ["underline"],
  27: ["inverse"],
  28: ["hidden"],
  29: ["strike"],
  39: ["colour"],
  49: ["background"],
};

function changeOne(style: Style, code: number): void {
  const on = ON[code];
  if (code === 0) {
    for (const name of Object.keys(style) as (keyof Style)[]) if (name !== "link") Reflect.deleteProperty(style, name);
  } else if (on !== undefined) Object.assign(style, { [on]: true });
  else if (code >= 30 && code <= 37) style.colour = { basic: code - 30 };
  else if (code >= 90 && code <= 97) style.colour = { basic: code - 82 };
  else if (code >= 40 && code <= 47) style.background = { basic: code - 40 };
  else if (code >= 100 && code <= 107) style.background = { basic: code - 92 };
  else for (const name of OFF[code] ?? []) Reflect.deleteProperty(style, name);
}

function extendedColour(codes: number[], place: number): [Colour | undefined, number] {
  const part = (index: number) => Math.min(255, Math.max(0, codes[place + index] ?? 0));
  if (codes[place] === 5) {
    const index = part(1);
    return [index < 16 ? { basic: index } : { rgb: paletteColour(index) }, 2];
  }
  if (codes[place] === 2) return [{ rgb: (part(1) << 16) | (part(2) << 8) | part(3) }, 4];
  return [undefined, 0];
}

function withoutNothing(style: Style): Style | null {
  const entries = Object.entries(style).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? null : Object.fromEntries(entries);
}
