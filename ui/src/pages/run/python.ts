/** A piece of a line of source code, and what kind of thing it is. */
export interface Token {
  kind: "plain" | "keyword" | "string" | "comment" | "number" | "decorator" | "name";
  text: string;
}

const KEYWORDS = new Set(
  (
    "False None True and as assert async await break class continue def del elif else except finally for from global " +
    "if import in is lambda match case nonlocal not or pass raise return try while with yield"
  ).split(" "),
);
const STRING = /^(?:[rbfuRBFU]{0,2})("""|'''|"|')/;
const WORD = /^[\p{L}_][\p{L}\p{N}_]*/u;
const NUMBER = /^(?:0[xob][\da-f_]+|\d[\d_]*\.?[\d_]*(?:e[+-]?\d+)?j?)/i;
const DECORATOR = /^@[\p{L}_][\p{L}\p{N}_.]*/u;
const PLAIN = /^[^\p{L}\p{N}_"'#@]+/u;
/** Longer lines are shown as they are: no person wrote them. */
const LONGEST = 2_000;

/** Lines of Python in pieces of a kind. It need not be correct Python: what is unclear is plain. */
export function tokenize(source: string): Token[][] {
  const lines: Token[][] = [];
  let open: string | null = null;
  for (const line of source.split("\n")) {
    const [tokens, left]: [Token[], string | null] =
      line.length > LONGEST ? [[{ kind: "plain", text: line }], open] : tokensOf(line, open);
    lines.push(tokens);
    open = left;
  }
  return lines;
}

/** Pieces of one line, and the quotes of a string that goes on in the next. */
function tokensOf(line: string, openQuotes: string | null): [Token[], string | null] {
  const tokens: Token[] = [];
  let rest = line;
  let open = openQuotes;
  let isAfterDefinition = false;
  const take = (kind: Token["kind"], length: number) => {
    tokens.push({ kind, text: rest.slice(0, length) });
    rest = rest.slice(length);
  };
  while (rest !== "") {
    if (open !== null) {
      const end = endOfString(rest, open, 0);
      take("string", end ?? rest.length);
      if (end !== null) open = null;
      continue;
    }
    const quotes = STRING.exec(rest);
    if (quotes !== null) {
      const quote = quotes[1] ?? '"';
      const end = endOfString(rest, quote, quotes[0].length);
      take("string", end ?? rest.length);
      if (end === null && quote.length === 3) open = quote;
      continue;
    }
    if (rest.startsWith("#")) {
      take("comment", rest.length);
      continue;
    }
    const decorator = line.trimStart() === rest ? DECORATOR.exec(rest) : null;
    if (decorator !== null) {
      take("decorator", decorator[0].length);
      continue;
    }
    const word = WORD.exec(rest)?.[0];
    if (word !== undefined) {
      const isKeyword = KEYWORDS.has(word);
      take(isKeyword ? "keyword" : isAfterDefinition ? "name" : "plain", word.length);
      isAfterDefinition = word === "def" || word === "class";
      continue;
    }
    const number = NUMBER.exec(rest)?.[0];
    if (number !== undefined) {
      take("number", number.length);
      continue;
    }
    take("plain", PLAIN.exec(rest)?.[0].length ?? 1);
  }
  return [tokens, open];
}

/** Where a string ends that `from` is inside of; null if it does not on this line. */
function endOfString(text: string, quotes: string, from: number): number | null {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text.startsWith(quotes, at)) return at + quotes.length;
  }
  return null;
}
