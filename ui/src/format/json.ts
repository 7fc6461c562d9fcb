/** A number of JSON: a whole one beyond what JavaScript's numbers hold exactly is a bigint; a number there is inexact. */
export type Exact = number | bigint;

// Few texts have any: this tells quickly of nearly all others that they have none.
const MAY_HAVE_LONG_ONES = /(?:^|[\s,:[-])[1-9]\d{15}/;
// A fraction, or a number with an exponent, is no whole one; nor is an exponent.
const LONG_INTEGERS = /(?<![\d.eE+]|[eE]-)-?[1-9]\d{15,}(?![\d.eE])/g;

/** What a text of JSON says; like `JSON.parse`, but whole numbers of any size stay what they are. */
export function readJson(text: string): unknown {
  if (!MAY_HAVE_LONG_ONES.test(text)) return JSON.parse(text);
  const mark = newMark();
  const marked = outsideOfTexts(text, (part) =>
    part.replace(LONG_INTEGERS, (digits) => (Number.isSafeInteger(Number(digits)) ? digits : `"${mark}${digits}"`)),
  );
  return JSON.parse(marked, (_name, value: unknown) =>
    typeof value === "string" && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
  );
}

/** The text of JSON for what `readJson` gives. */
export function writeJson(value: unknown, indent?: number): string {
  const mark = newMark();
  const marked = JSON.stringify(
    value,
    (_name, each: unknown) => {
      if (typeof each === "bigint") return `${mark}${each}`;
      return isLongFloat(each) ? `${mark}${each.toExponential()}` : each;
    },
    indent,
  );
  return marked.replace(new RegExp(`"${mark}([^"]+)"`, "g"), "$1");
}

/** Whether JavaScript would write a number as if it were a whole one that is known to the last digit. */
function isLongFloat(value: unknown): value is number {
  return Number.isInteger(value) && !Number.isSafeInteger(value);
}

/** What a text that stands for a whole number begins with: nobody who wrote other texts can have known it. */
function newMark(): string {
  return `integer-${crypto.getRandomValues(new Uint32Array(4)).join("-")}:`;
}

/** Change what of a text of JSON is in no quotes. */
function outsideOfTexts(text: string, change: (part: string) => string): string {
  let isInside = false;
  return text
    .split('"')
    .map((part) => {
      const result = isInside ? part : change(part);
      if (!isInside || !endsInEscape(part)) isInside = !isInside;
      return result;
    })
    .join('"');
}

/** Whether the quote that follows is a part of the text. */
function endsInEscape(part: string): boolean {
  let count = 0;
  while (part[part.length - 1 - count] === "\\") count += 1;
  return count % 2 === 1;
}

/**
 * The number that a text is; the text must be one of JavaScript's numbers. Whole ones are exact within the 64 bits that
 * are kept of them.
 */
export function exactNumber(text: string): Exact {
  const number = Number(text);
  if (Number.isSafeInteger(number) || !/^\s*[+-]?\d+\s*$/.test(text)) return number;
  const whole = BigInt(text.trim().replace("+", ""));
  return BigInt.asIntN(64, whole) === whole ? whole : number;
}
