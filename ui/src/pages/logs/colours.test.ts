import { describe, expect, it } from "vitest";
import { contrast, onBackground, paletteColour, readable } from "./colours";

const hexes = (text: string) => [...text.matchAll(/#([0-9a-f]{6})/g)].map((found) => parseInt(found[1] ?? "", 16));

describe("colours", () => {
  it("can be read on either theme, whatever they are", () => {
    for (let index = 0; index < 256; index += 1) {
      const [light = 0, dark = 0] = hexes(readable(paletteColour(index)));
      expect(contrast(light, 0xffffff)).toBeGreaterThanOrEqual(4.5);
      expect(contrast(dark, 0x1b1f26)).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("can be read on any background", () => {
    for (let index = 0; index < 256; index += 1) {
      const pair = onBackground(paletteColour(index), paletteColour((index * 7) % 256));
      const [background = 0, ink = 0] = [...hexes(pair.background), ...hexes(pair.colour)];
      expect(contrast(background, ink)).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("knows the palette", () => {
    expect([16, 21, 208, 231, 232, 255].map(paletteColour)).toEqual([
      0x000000, 0x0000ff, 0xff8700, 0xffffff, 0x080808, 0xeeeeee,
    ]);
  });
});
