/** The moment exactly, in the reader's own time zone and with its name: `2026-03-07 14:05:09.123 CET`. */
export function formatExactTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return "–";
  const zone = new Intl.DateTimeFormat("en", { timeZoneName: "short" })
    .formatToParts(date)
    .find((part) => part.type === "timeZoneName");
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => pad(part, 2)).join("-");
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => pad(part, 2)).join(":");
  return `${day} ${clock}.${pad(date.getMilliseconds(), 3)} ${zone?.value ?? ""}`.trim();
}

/**
 * How long ago a moment was: `now`, `12 s ago`, `5 min ago`, `3 h ago`, `6 d ago`, else the date.
 *
 * @param seconds the moment, in seconds since the epoch
 * @param now the present, in seconds since the epoch
 */
export function formatRelativeTime(seconds: number, now: number): string {
  const ago = now - seconds;
  if (!Number.isFinite(ago)) return "–";
  if (ago < -60) return formatExactTime(seconds).slice(0, 16);
  if (ago < 3) return "now";
  if (ago < 60) return `${Math.floor(ago)} s ago`;
  if (ago < 3600) return `${Math.floor(ago / 60)} min ago`;
  if (ago < 86_400) return `${Math.floor(ago / 3600)} h ago`;
  if (ago < 14 * 86_400) return `${Math.floor(ago / 86_400)} d ago`;
  return formatExactTime(seconds).slice(0, 10);
}

function pad(number: number, length: number): string {
  return String(number).padStart(length, "0");
}
