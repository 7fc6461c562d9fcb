import { scaleLinear, scaleLog, scaleUtc } from "d3-scale";
import { formatDuration } from "@/format/duration";
import { formatNumber } from "@/format/numbers";

/** What an axis measures. */
export interface AxisKind {
  label: string;
  /** `seconds` is a length of time, `time` a moment in seconds since the epoch. */
  unit?: "seconds" | "time" | null;
  isLog?: boolean;
  /** Whether there is nothing between whole numbers. */
  isWhole?: boolean;
}

export interface Tick {
  value: number;
  text: string;
}

export interface Scale {
  /** Where a value is, in pixels. */
  at: (value: number) => number;
  ticks: Tick[];
}

const DIGITS = 4;

/** A value as an axis and a hint write it, with its unit. */
export function axisText(kind: AxisKind, value: number): string {
  if (kind.unit === "seconds") return value < 0 ? `−${formatDuration(-value)}` : formatDuration(value);
  if (kind.unit === "time") return new Date(value * 1000).toLocaleString();
  return formatNumber(value, DIGITS);
}

/** The scale of an axis over these values, from one pixel to another, with about so many ticks. */
export function axisScale(
  kind: AxisKind,
  values: readonly number[],
  pixels: readonly [number, number],
  count: number,
  fromZero = false,
): Scale {
  const known = values.filter((value) => Number.isFinite(value));
  const [low, high] = extent(known, fromZero);
  if (kind.isLog === true && low > 0) {
    const scale = scaleLog().domain([low, high]).range(pixels).nice();
    const ticks = scale.ticks(count).filter((_, index, all) => all.length <= 2 * count || index % 3 === 0);
    return { at: (value) => scale(Math.max(value, Number.MIN_VALUE)), ticks: ticks.map((value) => tick(kind, value)) };
  }
  if (kind.unit === "time") {
    const scale = scaleUtc()
      .domain([new Date(low * 1000), new Date(high * 1000)])
      .range(pixels);
    const format = scale.tickFormat(count);
    return {
      at: (value) => scale(new Date(value * 1000)),
      ticks: scale.ticks(count).map((date) => ({ value: date.getTime() / 1000, text: format(date) })),
    };
  }
  const scale = scaleLinear().domain([low, high]).range(pixels).nice(count);
  const ticks = scale.ticks(count).filter((value) => kind.isWhole !== true || Number.isInteger(value));
  return { at: (value) => scale(value), ticks: ticks.map((value) => tick(kind, value)) };
}

function tick(kind: AxisKind, value: number): Tick {
  return { value, text: axisText(kind, value) };
}

/** The least and the greatest value, never the same. */
function extent(values: readonly number[], fromZero: boolean): [number, number] {
  if (values.length === 0) return [0, 1];
  let low = Math.min(...values);
  let high = Math.max(...values);
  if (fromZero) [low, high] = [Math.min(0, low), Math.max(0, high)];
  if (low < high) return [low, high];
  const around = low === 0 ? 1 : Math.abs(low) * 0.1;
  return fromZero && low === 0 ? [0, around] : [low - around, high + around];
}
