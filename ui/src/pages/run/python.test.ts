import { describe, expect, it } from "vitest";
import { tokenize } from "./python";

const kinds = (line: string) =>
  tokenize(line)[0]
    ?.filter((token) => token.text.trim() !== "")
    .map((token) => `${token.kind}:${token.text.trim()}`);

describe("tokenize", () => {
  it("gives back exactly what was put in", () => {
    const source =
      'def f(x):\n\t"""a\n"b" \\""" """ # no\n    return x["\u202e"] @ 1_0.5e-3j\n\ud800 é = f\'{x!r}\'\n"open';
    const lines = tokenize(source).map((tokens) => tokens.map((token) => token.text).join(""));
    expect(lines.join("\n")).toBe(source);
  });

  it("tells words, names, strings, numbers, comments and decorators apart", () => {
    expect(kinds("def fit(self): return 1.5 # done")).toEqual([
      "keyword:def",
      "name:fit",
      "plain:(",
      "plain:self",
      "plain:):",
      "keyword:return",
      "number:1.5",
      "comment:# done",
    ]);
    expect(kinds("    @retry(times=3)")?.[0]).toBe("decorator:@retry");
    expect(kinds("a @ b")).toEqual(["plain:a", "plain:@", "plain:b"]);
    expect(kinds("x = rb'\\'#' ")).toEqual(["plain:x", "plain:=", "string:rb'\\'#'"]);
  });

  it("follows strings over several lines", () => {
    const lines = tokenize("s = '''one\n# two\nthree''' # four");
    expect(lines[1]).toEqual([{ kind: "string", text: "# two" }]);
    expect(lines[2]?.map((token) => token.kind)).toEqual(["string", "plain", "comment"]);
  });

  it("ends a string with one quote at the end of the line, even if it was not closed", () => {
    expect(tokenize("x = 'open\ny = 1")[1]?.[0]).toEqual({ kind: "plain", text: "y" });
  });

  it("does not take long for lines that no person wrote", () => {
    expect(tokenize("'".repeat(500_000))).toHaveLength(1);
  });
});
