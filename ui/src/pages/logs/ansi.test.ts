import { describe, expect, it } from "vitest";
import { changedStyle, plainText, terminalPieces } from "./ansi";

const ESC = "\u001b";
const shown = (text: string) => plainText(terminalPieces(text));

describe("terminalPieces", () => {
  it("leaves plain text as it is", () => {
    expect(terminalPieces("a <b>\t")).toEqual([{ text: "a <b>\t", style: null }]);
    expect(terminalPieces("")).toEqual([]);
  });

  it("gives looks to what they are of", () => {
    expect(terminalPieces(`a${ESC}[1;31mb${ESC}[0mc`)).toEqual([
      { text: "a", style: null },
      { text: "b", style: { bold: true, colour: { basic: 1 } } },
      { text: "c", style: null },
    ]);
    expect(terminalPieces(`${ESC}[38;5;208mx`)[0]?.style).toEqual({ colour: { rgb: 0xff8700 } });
    expect(terminalPieces(`${ESC}[48;2;1;2;3mx`)[0]?.style).toEqual({ background: { rgb: 0x010203 } });
    expect(terminalPieces(`${ESC}[91mx${ESC}[39my`).map((piece) => piece.style)).toEqual([
      { colour: { basic: 9 } },
      null,
    ]);
  });

  it("shows the latest state of what was written over", () => {
    expect(shown("10%\r50%\r100%")).toBe("100%");
    expect(shown("long text\rab")).toBe("abng text");
    expect(shown(`long text\r${ESC}[Kab`)).toBe("ab");
    expect(shown(`long text\r${ESC}[2Kab`)).toBe("ab");
    expect(shown("line\r")).toBe("line");
    expect(shown("ab\b\bc")).toBe("cb");
    expect(shown(`a${ESC}[3Cb`)).toBe("a   b");
    expect(shown(`abc${ESC}[1Gx`)).toBe("xbc");
    expect(shown(`\r inner 1${ESC}[A\router 2`)).toBe(" inner 1  outer 2");
    expect(shown(`inner${ESC}[A`)).toBe("inner");
  });

  it("drops other escapes, and ends where they do not", () => {
    expect(shown(`${ESC}]0;title\u0007a${ESC}[?25lb${ESC}Mc${ESC}(Bd`)).toBe("abcd");
    expect(shown(`a${ESC}]0;never ends`)).toBe("a]0;never ends");
    expect(shown(`a${ESC}`)).toBe("a");
  });

  it("makes links of http and https only", () => {
    const link = (address: string) => terminalPieces(`${ESC}]8;;${address}\u0007x${ESC}]8;;\u0007`)[0]?.style?.link;
    expect(link("https://example.org/a")).toBe("https://example.org/a");
    for (const address of ["javascript:alert(1)", "data:text/html,x", "//x", " \u0001javascript:1", "file:///etc"]) {
      expect(link(address)).toBeUndefined();
    }
  });

  it("does not break on anything", () => {
    const parts = [
      "a",
      "\u{1f600}",
      "\r",
      "\b",
      ESC,
      `${ESC}[`,
      "31m",
      "K",
      ";",
      "999999999",
      `${ESC}[999999C`,
      "\u0000",
    ];
    let seed = 7;
    for (let round = 0; round < 500; round += 1) {
      let text = "";
      for (let index = 0; index < 12; index += 1) {
        seed = (seed * 1103515245 + 12345) % 2147483648;
        text += parts[seed % parts.length] ?? "";
      }
      expect(shown(text)).not.toContain(ESC);
    }
  });
});

describe("changedStyle", () => {
  it("takes away what it gave", () => {
    expect(changedStyle({ bold: true, dim: true, italic: true }, "22")).toEqual({ italic: true });
    expect(changedStyle({ link: "https://x.y/", bold: true }, "0")).toEqual({ link: "https://x.y/" });
    expect(changedStyle(null, "38;9;1")).toEqual({ strike: true, bold: true });
  });
});
