import { fitting } from "@/components/textFit";
import { ChartFigure } from "./ChartFigure";
import styles from "./charts.module.css";
import { Hint } from "./Hint";
import type { Mark } from "./marks";
import { axisScale, type AxisKind } from "./scales";
import { useMarks } from "./useMarks";

const HEIGHT = 320;
const TOP = 40;
const BOTTOM = HEIGHT - 16;

export interface ParallelLine extends Mark {
  /** For each axis; null if there is none. */
  values: readonly (number | null)[];
}

interface ParallelChartProps {
  title: string;
  axes: readonly AxisKind[];
  lines: readonly ParallelLine[];
  onOpen?: (key: string) => void;
}

/** Many values of each run: an axis for each value, a line for each run. */
export function ParallelChart(props: ParallelChartProps) {
  return (
    <ChartFigure title={props.title} height={HEIGHT}>
      {(width) => <Lines {...props} width={width} />}
    </ChartFigure>
  );
}

type DrawnProps = ParallelChartProps & { width: number };

function Lines({ title, axes, lines, onOpen, width }: DrawnProps) {
  const { group, active, propsOf } = useMarks(lines, onOpen);
  const side = Math.min(70, width / 8);
  const gap = axes.length > 1 ? (width - 2 * side) / (axes.length - 1) : 0;
  const place = (axis: number) => side + gap * axis;
  const scales = axes.map((axis, index) =>
    axisScale(
      axis,
      lines.flatMap((line) => line.values[index] ?? []),
      [BOTTOM, TOP],
      5,
    ),
  );
  const way = (line: ParallelLine) => {
    let path = "";
    line.values.forEach((value, index) => {
      const scale = scales[index];
      if (value === null || scale === undefined) return;
      const joins = index > 0 && line.values[index - 1] !== null;
      path += `${joins ? "L" : "M"}${place(index).toFixed(1)} ${scale.at(value).toFixed(1)}`;
    });
    return path;
  };
  const looked = lines.find((line) => line.key === active);
  return (
    <>
      <svg width={width} height={HEIGHT} role="group" aria-label={`${title}: ${axes.length} axes`}>
        <g ref={group}>
          {lines.map((line, index) => (
            <g key={line.key} className={styles.mark} {...propsOf(index)}>
              <path className={styles.senseLine} d={way(line)} />
              <path
                className={[
                  styles.parallel,
                  line.isMarked === true ? styles.markedLine : "",
                  active === line.key ? styles.activeLine : active === null ? "" : styles.faint,
                ].join(" ")}
                d={way(line)}
              />
            </g>
          ))}
        </g>
        {axes.map((axis, index) => (
          <g key={axis.label} aria-hidden="true" transform={`translate(${place(index).toFixed(1)} 0)`}>
            <path className={styles.base} d={`M0 ${TOP}V${BOTTOM}`} />
            {scales[index]?.ticks.map((tick) => (
              <text key={tick.value} className={styles.haloTick} x={6} y={(scales[index]?.at(tick.value) ?? 0) + 4}>
                {tick.text}
              </text>
            ))}
            <text className={styles.label} y={index % 2 === 0 ? 14 : 30} textAnchor="middle">
              {fitting(axis.label, Math.max(80, 1.8 * gap), 12, 600)}
            </text>
          </g>
        ))}
      </svg>
      {looked !== undefined && <Hint mark={looked} x={width / 2} y={TOP} width={width} />}
    </>
  );
}
