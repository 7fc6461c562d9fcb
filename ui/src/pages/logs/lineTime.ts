export type Times = "off" | "relative" | "clock";

/** When a line came: `+1:02.345` since the start, or `14:05:09.123` in the reader's own time zone. */
export function formatLineTime(time: number | null | undefined, times: Times, startedAt: number): string {
  if (time === null || time === undefined || times === "off") return "";
  if (times === "clock") {
    const date = new Date(time * 1000);
    return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
  }
  const milliseconds = Math.round((time - startedAt) * 1000);
  const sign = milliseconds < 0 ? "−" : "+";
  const length = Math.abs(milliseconds);
  const seconds = Math.floor(length / 1000);
  const rest = `${pad(seconds % 60)}.${pad(length % 1000, 3)}`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${sign}${minutes}:${rest}`;
  return `${sign}${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${rest}`;
}

function pad(number: number, length = 2): string {
  return String(number).padStart(length, "0");
}
