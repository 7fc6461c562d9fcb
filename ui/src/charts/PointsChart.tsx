import { BottomAxis, LeftAxis, leftRoom, type Plot } from "./Axes";
import { ChartFigure } from "./ChartFigure";
import styles from "./charts.module.css";
import { Hint } from "./Hint";
import type { Mark } from "./marks";
import { axisScale, type AxisKind } from "./scales";
import { useMarks } from "./useMarks";

const HEIGHT = 300;
const RADIUS = 5;

export interface ChartPoint extends Mark {
  x: number;
  y: number;
}

interface PointsChartProps {
  title: string;
  x: AxisKind;
  y: AxisKind;
  /** From left to right. */
  points: readonly ChartPoint[];
  /** Whether a line leads from one point to the next. */
  isLine?: boolean;
  height?: number;
  actions?: React.ReactNode;
  onOpen?: (key: string) => void;
}

/** One value against another, a point for each run: a cloud, or a line over time. */
export function PointsChart(props: PointsChartProps) {
  return (
    <ChartFigure title={props.title} height={props.height ?? HEIGHT} actions={props.actions}>
      {(width) => <Points {...props} width={width} />}
    </ChartFigure>
  );
}

type DrawnProps = PointsChartProps & { width: number };

function Points({ title, x, y, points, isLine = false, height = HEIGHT, onOpen, width }: DrawnProps) {
  const { group, active, propsOf } = useMarks(points, onOpen);
  const bottom = height - 44;
  const vertical = axisScale(
    y,
    points.map((point) => point.y),
    [bottom, 14],
    5,
  );
  const plot: Plot = { left: leftRoom(vertical, y.label), right: width - 14, top: 14, bottom };
  const horizontal = axisScale(
    x,
    points.map((point) => point.x),
    [plot.left + 8, plot.right],
    Math.max(2, Math.floor((plot.right - plot.left) / 90)),
  );
  const looked = points.find((point) => point.key === active);
  const way = points
    .map((point) => `${horizontal.at(point.x).toFixed(1)} ${vertical.at(point.y).toFixed(1)}`)
    .join("L");
  return (
    <>
      <svg width={width} height={height} role="group" aria-label={`${title}: ${y.label} against ${x.label}`}>
        <LeftAxis scale={vertical} kind={y} plot={plot} />
        <BottomAxis scale={horizontal} kind={x} plot={plot} />
        {isLine && points.length > 1 && <path className={styles.line} d={`M${way}`} />}
        <g ref={group}>
          {points.map((point, index) => {
            const [left, top] = [horizontal.at(point.x), vertical.at(point.y)];
            const looks = [
              styles.point,
              point.isMarked === true ? styles.marked : "",
              active === point.key ? styles.active : "",
            ];
            return (
              <g
                key={point.key}
                className={styles.mark}
                transform={`translate(${left.toFixed(1)} ${top.toFixed(1)})`}
                {...propsOf(index)}
              >
                <circle className={styles.sense} r={10} />
                {point.isFailed === true ? (
                  <path className={styles.cross} d="M-4 -4L4 4M4 -4L-4 4" />
                ) : (
                  <circle className={looks.join(" ")} r={RADIUS} />
                )}
              </g>
            );
          })}
        </g>
      </svg>
      {looked !== undefined && (
        <Hint mark={looked} x={horizontal.at(looked.x)} y={vertical.at(looked.y)} width={width} />
      )}
    </>
  );
}
