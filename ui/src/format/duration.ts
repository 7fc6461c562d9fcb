/**
 * A length of time for people, with its unit: `85 ms`, `3.2 s`, `4 min 05 s`, `2 h 07 min`, `3 d 4 h`.
 *
 * @param seconds length in seconds; negative ones, as clocks that disagree give, count as 0
 */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  const length = Math.max(0, seconds);
  const milliseconds = Math.round(length * 1000);
  if (milliseconds < 1000) return `${milliseconds} ms`;
  if (length < 9.95) return `${(Math.round(length * 10) / 10).toFixed(1)} s`;
  const whole = Math.round(length);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${twoDigits(whole % 60)} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
  const hours = Math.round(whole / 3600);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}
