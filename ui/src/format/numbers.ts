import type { Exact } from "./json";

const UNITS = ["KB", "MB", "GB"];
/** Units are of so many bytes each, as on the command line and as `@resources(memory=…)` counts. */
const UNIT = 1024;
/** What is a megabyte wherever one is asked for. */
export const MEGABYTE = UNIT * UNIT;
const WHOLE = new Intl.NumberFormat("en");
const TENTHS = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** A size for people, in units of 1,024 bytes: `812 B`, `1.2 MB`, `512 MB`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return "–";
  let size = Math.max(0, bytes);
  if (size < UNIT) return `${Math.round(size)} B`;
  for (const unit of UNITS) {
    size /= UNIT;
    if (size < 99.95) return `${size.toFixed(1)} ${unit}`;
    if (size < UNIT - 0.5) return `${Math.round(size)} ${unit}`;
  }
  return `${TENTHS.format(size / UNIT)} TB`;
}

/** How many bytes the unit has that a size is written in. */
export function byteUnit(bytes: number): number {
  return UNIT ** Math.max(0, Math.min(UNITS.length + 1, Math.floor(Math.log(bytes) / Math.log(UNIT))));
}

/** A count with separators: `12,345`. */
export function formatCount(count: number): string {
  return WHOLE.format(count);
}

/** A measured number with at most `digits` significant digits, never longer than needed: `0.9312`, `1.25e-7`, `12,345`. */
export function formatNumber(value: Exact, digits = 5): string {
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return WHOLE.format(value);
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e9) return String(Number(value.toPrecision(digits)));
  return new Intl.NumberFormat("en", { maximumSignificantDigits: digits }).format(value);
}

/** One number less another one; exact if both are whole. */
export function difference(number: Exact, less: Exact): Exact {
  if (typeof number === "number" && typeof less === "number") return number - less;
  if (!isWhole(number) || !isWhole(less)) return Number(number) - Number(less);
  const exact = BigInt(number) - BigInt(less);
  return isWhole(Number(exact)) ? Number(exact) : exact;
}

function isWhole(value: Exact): boolean {
  return typeof value === "bigint" || Number.isSafeInteger(value);
}

/** `1 task`, `3 tasks`, `12,000 tasks`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
