import { useEffect, useId, useRef, useState, type PointerEvent } from "react";
import { formatDuration } from "@/format/duration";
import styles from "./LineChart.module.css";
import { indexNear, linePath, scaleOf, ticksOf } from "./chart";
import type { Chart } from "./resources";

const HEIGHT = 148;
const LEFT = 8;
const BOTTOM = 18;
const TOP = 16;
const FIRST_WIDTH = 480;

/** Curves over time, with what was asked for as a line across. */
export function LineChart({ title, times, series, limit, format, unitOf }: Chart) {
  const [width, box] = useWidth();
  const [at, setAt] = useState<number | null>(null);
  const id = useId();
  const right = times.at(-1) ?? 1;
  const highest = Math.max(...series.flatMap((each) => each.values.map((value) => value ?? 0)), 0);
  const shownLimit = limit !== null && limit.value <= highest * 3 ? limit : null;
  const most = Math.max(highest, shownLimit?.value ?? 0);
  const unit = unitOf(most);
  const top = scaleOf(most / unit) * unit;
  const x = (time: number) => LEFT + (time / right) * (width - 2 * LEFT);
  const y = (value: number) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - TOP);
  const move = (event: PointerEvent<SVGSVGElement>) => {
    const left = event.currentTarget.getBoundingClientRect().left;
    setAt(indexNear(times, ((event.clientX - left - LEFT) / (width - 2 * LEFT)) * right));
  };
  return (
    <figure className={styles.chart}>
      <figcaption className={styles.head}>
        <h3 id={id}>{title}</h3>
        <Legend title={title} series={series} at={at} times={times} format={format} />
      </figcaption>
      <div ref={box}>
        <svg
          width={width}
          height={HEIGHT}
          role="img"
          aria-label={`${title}: at most ${format(highest)}${limit === null ? "" : `, ${format(limit.value)} ${limit.label}`}`}
          onPointerMove={move}
          onPointerLeave={() => setAt(null)}
        >
          <line className={styles.axis} x1={LEFT} x2={width - LEFT} y1={y(0)} y2={y(0)} />
          <line className={styles.grid} x1={LEFT} x2={width - LEFT} y1={y(top)} y2={y(top)} />
          <text className={styles.label} x={LEFT} y={y(top) - 4}>
            {format(top)}
          </text>
          {ticksOf(right, width).map((time) => (
            <text key={time} className={styles.label} x={x(time)} y={HEIGHT - 4} textAnchor={anchorOf(time, right)}>
              {time === 0 ? "start" : formatDuration(time)}
            </text>
          ))}
          {shownLimit !== null && (
            <>
              <line
                className={styles.limit}
                x1={LEFT}
                x2={width - LEFT}
                y1={y(shownLimit.value)}
                y2={y(shownLimit.value)}
              />
              <text className={styles.label} x={width - LEFT} y={y(shownLimit.value) - 4} textAnchor="end">
                {format(shownLimit.value)} {shownLimit.label}
              </text>
            </>
          )}
          {series.map((each, index) => (
            <g key={each.name} className={styles[`series${index + 1}`]}>
              {series.length === 1 && <path className={styles.area} d={areaOf(times, each.values, x, y)} />}
              <path className={styles.line} d={linePath(times, each.values, x, y)} />
            </g>
          ))}
          {at !== null && (
            <line className={styles.cursor} x1={x(times[at] ?? 0)} x2={x(times[at] ?? 0)} y1={TOP} y2={y(0)} />
          )}
        </svg>
      </div>
    </figure>
  );
}

interface LegendProps {
  title: string;
  series: Chart["series"];
  at: number | null;
  times: readonly number[];
  format: (value: number) => string;
}

/** What the curves are, and their values where the pointer is, else now or at the end. */
function Legend({ series, at, times, format }: LegendProps) {
  const index = at ?? times.length - 1;
  return (
    <span className={styles.legend}>
      {series.map((each, place) => {
        const value = each.values[index];
        return (
          <span key={each.name}>
            {series.length > 1 && <span className={`${styles.key} ${styles[`key${place + 1}`] ?? ""}`} />}
            {each.name} {value === null || value === undefined ? "–" : format(value)}
          </span>
        );
      })}
      <span>{at === null ? "at the end" : `after ${formatDuration(times[index] ?? 0)}`}</span>
    </span>
  );
}

function areaOf(
  times: readonly number[],
  values: readonly (number | null)[],
  x: (time: number) => number,
  y: (value: number) => number,
): string {
  const line = linePath(times, values, x, y);
  return line === "" ? "" : `${line}L${x(times.at(-1) ?? 0)} ${y(0)}L${x(times[0] ?? 0)} ${y(0)}Z`;
}

function anchorOf(time: number, right: number): "start" | "middle" | "end" {
  if (time === 0) return "start";
  return time > right * 0.95 ? "end" : "middle";
}

/** How wide an element is, also after the window has changed. */
function useWidth(): [number, (element: HTMLDivElement | null) => void] {
  const [width, setWidth] = useState(FIRST_WIDTH);
  const observer = useRef<ResizeObserver | null>(null);
  useEffect(() => () => observer.current?.disconnect(), []);
  const watch = (element: HTMLDivElement | null) => {
    observer.current?.disconnect();
    if (element === null) return;
    observer.current = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(Math.max(160, Math.floor(entry.contentRect.width)));
    });
    observer.current.observe(element);
  };
  const [stable] = useState(() => watch);
  return [width, stable];
}
