import { formatCount, formatNumber } from "@/format/numbers";
import type { Counts } from "../facts";
import styles from "./Histogram.module.css";

const WIDTH = 360;
const HEIGHT = 96;
const GAP = 1;

/** How numbers are distributed between the smallest and the largest. */
export function Histogram({ counts, min, max, isSampled }: Counts) {
  const most = Math.max(...counts, 1);
  const step = (max - min) / counts.length;
  const width = WIDTH / counts.length;
  return (
    <figure className={styles.figure}>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        className={styles.chart}
        role="img"
        aria-label={`Histogram between ${formatNumber(min)} and ${formatNumber(max)}; ${peakWords(counts, min, step)}`}
      >
        {counts.map((count, index) => {
          const height = count === 0 ? 0 : Math.max(1, (count / most) * (HEIGHT - 2));
          return (
            <rect key={index} x={index * width} y={HEIGHT - height} width={Math.max(1, width - GAP)} height={height}>
              <title>
                {formatNumber(min + index * step, 4)} to {formatNumber(min + (index + 1) * step, 4)}:{" "}
                {formatCount(count)}
              </title>
            </rect>
          );
        })}
        <line x1={0} x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
      </svg>
      <figcaption className={styles.ends}>
        <span>{formatNumber(min, 4)}</span>
        <span className={styles.note}>{isSampled ? "of a sample" : ""}</span>
        <span>{formatNumber(max, 4)}</span>
      </figcaption>
    </figure>
  );
}

function peakWords(counts: number[], min: number, step: number): string {
  const place = counts.indexOf(Math.max(...counts));
  return `most are between ${formatNumber(min + place * step, 3)} and ${formatNumber(min + (place + 1) * step, 3)}`;
}
