import type { ResourcePoint } from "@/api/schema";
import { ScrollRegion } from "@/components/ScrollRegion";
import { formatDuration } from "@/format/duration";
import { formatBytes, formatNumber } from "@/format/numbers";
import styles from "./ResourcesTab.module.css";

/** The points of the curves as a table, for those who rather read or hear them. */
export function ResourceFigures({ points }: { points: readonly ResourcePoint[] }) {
  const hasGraphics = points.some((point) => point.gpu !== null);
  return (
    <details className={styles.figures}>
      <summary>Figures</summary>
      <ScrollRegion label="Figures of the curves" className={styles.scroll}>
        <table>
          <thead>
            <tr>
              <th scope="col">After</th>
              <th scope="col">Cores</th>
              <th scope="col">Memory</th>
              <th scope="col">Read</th>
              <th scope="col">Written</th>
              <th scope="col">Processes</th>
              {hasGraphics && <th scope="col">GPUs</th>}
              {hasGraphics && <th scope="col">GPU memory</th>}
            </tr>
          </thead>
          <tbody>
            {points.map((point) => (
              <tr key={point.at}>
                <th scope="row">{formatDuration(point.at)}</th>
                <td>{formatNumber(point.cpu, 3)}</td>
                <td>{formatBytes(point.memory)}</td>
                <td>{formatBytes(point.read_rate)}/s</td>
                <td>{formatBytes(point.write_rate)}/s</td>
                <td>{point.processes}</td>
                {hasGraphics && <td>{point.gpu === null ? "–" : formatNumber(point.gpu, 3)}</td>}
                {hasGraphics && <td>{point.gpu_memory === null ? "–" : formatBytes(point.gpu_memory)}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollRegion>
    </details>
  );
}
