import { fitting } from "@/components/textFit";
import { LeftAxis, leftRoom, type Plot } from "./Axes";
import { ChartFigure } from "./ChartFigure";
import styles from "./charts.module.css";
import { Hint } from "./Hint";
import type { Mark } from "./marks";
import { axisScale, type AxisKind } from "./scales";
import { useMarks } from "./useMarks";

const HEIGHT = 240;
const WIDEST_BAR = 48;

export interface Bar extends Mark {
  /** Null if there is none. */
  value: number | null;
  /** Short name, below the bar. */
  short: string;
}

interface BarsChartProps {
  title: string;
  kind: AxisKind;
  bars: readonly Bar[];
  onOpen?: (key: string) => void;
}

/** One value of each of several runs as bars from nothing; a line shows the one that is marked. */
export function BarsChart(props: BarsChartProps) {
  return (
    <ChartFigure title={props.title} height={HEIGHT}>
      {(width) => <Bars {...props} width={width} />}
    </ChartFigure>
  );
}

function Bars({ title, kind, bars, onOpen, width }: BarsChartProps & { width: number }) {
  const { group, active, propsOf } = useMarks(bars, onOpen);
  const values = bars.flatMap((bar) => bar.value ?? []);
  const scale = axisScale(kind, values, [HEIGHT - 28, 12], 5, true);
  const plot: Plot = { left: leftRoom(scale, kind.label), right: width - 8, top: 12, bottom: HEIGHT - 28 };
  const band = (plot.right - plot.left) / Math.max(1, bars.length);
  const bar = Math.min(WIDEST_BAR, band * 0.72);
  const zero = scale.at(0);
  const marked = bars.find((each) => each.isMarked === true)?.value ?? null;
  const looked = bars.findIndex((each) => each.key === active);
  const middle = (index: number) => plot.left + band * (index + 0.5);
  const lookedAt = bars[looked];
  return (
    <>
      <svg width={width} height={HEIGHT} role="group" aria-label={`${title}, ${axisLabel(kind)}`}>
        <LeftAxis scale={scale} kind={kind} plot={plot} />
        <g ref={group}>
          {bars.map((each, index) => {
            const top = each.value === null ? zero : scale.at(each.value);
            return (
              <g key={each.key} className={styles.mark} {...propsOf(index)}>
                <rect
                  className={styles.sense}
                  x={plot.left + band * index}
                  y={plot.top}
                  width={band}
                  height={plot.bottom - plot.top}
                />
                <rect
                  className={`${styles.bar} ${each.isMarked === true ? styles.marked : ""} ${active === each.key ? styles.active : ""}`}
                  x={middle(index) - bar / 2}
                  y={Math.min(top, zero)}
                  width={bar}
                  height={each.value === null ? 0 : Math.max(1, Math.abs(zero - top))}
                  rx={2}
                />
                {each.value === null && (
                  <text className={styles.tick} x={middle(index)} y={zero - 4} textAnchor="middle">
                    –
                  </text>
                )}
                {band > 26 && (
                  <text className={styles.tick} x={middle(index)} y={plot.bottom + 17} textAnchor="middle">
                    {fitting(each.short, band - 6, 12)}
                  </text>
                )}
              </g>
            );
          })}
        </g>
        <path className={styles.base} d={`M${plot.left} ${zero}H${plot.right}`} />
        {marked !== null && <path className={styles.reference} d={`M${plot.left} ${scale.at(marked)}H${plot.right}`} />}
      </svg>
      {lookedAt !== undefined && (
        <Hint
          mark={lookedAt}
          x={middle(looked)}
          y={lookedAt.value === null ? zero : scale.at(lookedAt.value)}
          width={width}
        />
      )}
    </>
  );
}

function axisLabel(kind: AxisKind): string {
  return kind.unit === "seconds" ? `${kind.label} as a length of time` : kind.label;
}
