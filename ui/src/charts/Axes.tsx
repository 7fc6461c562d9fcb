import { fitting, textWidth } from "@/components/textFit";
import styles from "./charts.module.css";
import type { AxisKind, Scale, Tick } from "./scales";

const SIZE = 12;

export interface Plot {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Room for the texts of an axis at the left. */
export function leftRoom(scale: Scale, label: string): number {
  const widest = Math.max(0, ...scale.ticks.map((tick) => textWidth(tick.text, SIZE)));
  return Math.ceil(widest) + (label === "" ? 10 : 30);
}

/** An axis at the left, with lines across the plot. */
export function LeftAxis({ scale, kind, plot }: { scale: Scale; kind: AxisKind; plot: Plot }) {
  const middle = (plot.top + plot.bottom) / 2;
  return (
    <g aria-hidden="true">
      {scale.ticks.map((tick) => (
        <g key={tick.value} transform={`translate(0 ${scale.at(tick.value).toFixed(1)})`}>
          <path className={styles.rule} d={`M${plot.left} 0H${plot.right}`} />
          <text className={styles.tick} x={plot.left - 6} y={4} textAnchor="end">
            {tick.text}
          </text>
        </g>
      ))}
      <text className={styles.label} transform={`translate(12 ${middle}) rotate(-90)`} textAnchor="middle">
        {fitting(kind.label, plot.bottom - plot.top, SIZE, 600)}
      </text>
    </g>
  );
}

/** An axis below the plot. */
export function BottomAxis({ scale, kind, plot }: { scale: Scale; kind: AxisKind; plot: Plot }) {
  const written = apart(scale);
  return (
    <g aria-hidden="true" transform={`translate(0 ${plot.bottom})`}>
      <path className={styles.base} d={`M${plot.left} 0H${plot.right}`} />
      {scale.ticks.map((tick) => (
        <g key={tick.value} transform={`translate(${scale.at(tick.value).toFixed(1)} 0)`}>
          <path className={styles.base} d="M0 0V4" />
          {written.has(tick) && (
            <text className={styles.tick} y={17} textAnchor="middle">
              {tick.text}
            </text>
          )}
        </g>
      ))}
      <text className={styles.label} x={(plot.left + plot.right) / 2} y={36} textAnchor="middle">
        {fitting(kind.label, plot.right - plot.left, SIZE, 600)}
      </text>
    </g>
  );
}

/** Ticks whose texts do not run into each other. */
function apart(scale: Scale): Set<Tick> {
  const found = new Set<Tick>();
  let end = -Infinity;
  for (const tick of scale.ticks) {
    const half = textWidth(tick.text, SIZE) / 2;
    const x = scale.at(tick.value);
    if (x - half <= end + 6) continue;
    found.add(tick);
    end = x + half;
  }
  return found;
}
