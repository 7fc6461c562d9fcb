import { ScrollRegion } from "@/components/ScrollRegion";
import { Untrusted } from "@/components/Untrusted";
import { formatCount, formatNumber } from "@/format/numbers";
import type { ColumnFigures, Frame } from "../facts";
import styles from "./FramePreview.module.css";

/** How a data frame begins: its columns with their types and figures, and its first rows. */
export function FramePreview({ frame }: { frame: Frame }) {
  const shown = frame.rows[0]?.length ?? Math.min(frame.columns.length, 20);
  const columns = frame.columns.slice(0, shown);
  const hasFigures = frame.figures.some((each) => each.missing !== null || each.min !== null);
  return (
    <div className={styles.frame}>
      <ScrollRegion label="First rows" className={styles.scroll}>
        <table className={styles.table}>
          <thead>
            <tr>
              {columns.map((column, index) => (
                <th key={index} scope="col">
                  <Untrusted text={column} />
                  <span className={styles.type}>
                    <Untrusted text={frame.types[index] ?? ""} />
                  </span>
                  {hasFigures && <Figures figures={frame.figures[index]} />}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {frame.rows.map((row, index) => (
              <tr key={index}>
                {row.map((cell, place) => (
                  <td key={place}>
                    <Untrusted text={cell} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollRegion>
      <p className={styles.note}>
        {frame.rows.length < frame.rowCount
          ? `The first ${formatCount(frame.rows.length)} of ${formatCount(frame.rowCount)} rows`
          : `All ${formatCount(frame.rowCount)} rows`}
        {columns.length < frame.columnCount &&
          `, ${formatCount(columns.length)} of ${formatCount(frame.columnCount)} columns`}
      </p>
    </div>
  );
}

function Figures({ figures }: { figures: ColumnFigures | undefined }) {
  if (figures === undefined) return null;
  const { missing, min, max, mean } = figures;
  return (
    <span className={styles.figures}>
      {min !== null && max !== null && (
        <span>
          {formatNumber(min, 4)} to {formatNumber(max, 4)}
        </span>
      )}
      {mean !== null && <span>mean {formatNumber(mean, 4)}</span>}
      {missing !== null && missing > 0 && <span className={styles.missing}>{formatCount(missing)} missing</span>}
    </span>
  );
}
