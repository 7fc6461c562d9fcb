const UNITS = ["B", "KB", "MB", "GB", "TB", "PB"];
const WHOLE = new Intl.NumberFormat("en");

/** A size for people, in units of 1,000 bytes: `812 B`, `1.2 MB`, `34 GB`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return "–";
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit] ?? ""}`;
}

/** A count with separators: `12,345`. */
export function formatCount(count: number): string {
  return WHOLE.format(count);
}

/** A measured number with at most `digits` significant digits, never longer than needed: `0.9312`, `1.25e-7`, `12,345`. */
export function formatNumber(value: number, digits = 5): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return WHOLE.format(value);
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e9) return String(Number(value.toPrecision(digits)));
  return new Intl.NumberFormat("en", { maximumSignificantDigits: digits }).format(value);
}

/** `1 task`, `3 tasks`, `12,000 tasks`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
