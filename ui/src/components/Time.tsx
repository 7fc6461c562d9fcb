import { useNow } from "@/app/clock";
import { formatDuration } from "@/format/duration";
import { formatExactTime, formatRelativeTime } from "@/format/time";

/** A moment, relative to now, with the exact one on hover. */
export function Time({ at }: { at: number | null | undefined }) {
  const now = useNow();
  if (at === null || at === undefined) return <span title="not known">–</span>;
  return (
    <time dateTime={new Date(at * 1000).toISOString()} title={formatExactTime(at)}>
      {formatRelativeTime(at, now)}
    </time>
  );
}

interface DurationProps {
  from: number | null | undefined;
  to?: number | null | undefined;
  /** Whether it goes on: without `to` it then grows while it is shown. */
  isRunning?: boolean;
}

/** How long something took, or takes so far. */
export function Duration({ from, to, isRunning = true }: DurationProps) {
  if (from === null || from === undefined) return <span title="not known">–</span>;
  if (to === null || to === undefined) {
    return isRunning ? <GrowingDuration from={from} /> : <span title="nobody knows when it ended">–</span>;
  }
  return <span title={`${(to - from).toFixed(3)} s`}>{formatDuration(to - from)}</span>;
}

function GrowingDuration({ from }: { from: number }) {
  const now = useNow();
  return <span title={`since ${formatExactTime(from)}`}>{formatDuration(Math.max(0, Math.floor(now - from)))}</span>;
}
