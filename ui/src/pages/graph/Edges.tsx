import { memo } from "react";
import type { GraphEdge } from "@/api/schema";
import { formatCount } from "@/format/numbers";
import styles from "./GraphView.module.css";
import { edgePath, labelPoint } from "./lines";
import { edgeKey, edgeLook, type GraphLook } from "./states";
import { fitting, textWidth } from "@/components/textFit";

const SIZE = 12;
const WIDEST = 110;
const PAD = 6;

/** The lines of a graph: solid where tasks came by, dashed and pale where they went another way. */
export const Edges = memo(function Edges(props: {
  edges: readonly GraphEdge[];
  look: GraphLook;
  across: boolean;
  marker: string;
  withLabels: boolean;
}) {
  const { edges, look, across, marker, withLabels } = props;
  return (
    <g aria-hidden="true">
      {edges.map((edge) => {
        const key = edgeKey(edge.source, edge.target);
        const state = edgeLook(look, edge);
        return (
          <path
            key={key}
            className={`${styles.edge} ${styles[`edge-${state}`]}`}
            d={edgePath(edge, across)}
            markerEnd={`url(#${marker}-${state})`}
          />
        );
      })}
      {withLabels && edges.map((edge) => <Label key={edgeKey(edge.source, edge.target)} edge={edge} {...props} />)}
    </g>
  );
});

function Label({ edge, look, across }: { edge: GraphEdge; look: GraphLook; across: boolean }) {
  const tasks = look.edges.get(edgeKey(edge.source, edge.target)) ?? 0;
  const times = edge.goes_back && tasks > 0 ? ` ×${formatCount(tasks)}` : "";
  if (edge.label === "" && times === "") return null;
  const text = fitting(edge.label, WIDEST, SIZE, 600) + times;
  const { x, y } = labelPoint(edge, across);
  const width = textWidth(text, SIZE, 600) + 2 * PAD;
  const state = edgeLook(look, edge);
  return (
    <g className={`${styles.label} ${styles[`label-${state}`]}`}>
      <rect x={x - width / 2} y={y - 9} width={width} height={18} rx={9} />
      <text x={x} y={y + 4} textAnchor="middle">
        {text}
      </text>
    </g>
  );
}

/** Heads of arrows, one for each look of an edge. */
export function Arrows({ marker }: { marker: string }) {
  return (
    <defs>
      {(["taken", "left", "ahead"] as const).map((state) => (
        <marker
          key={state}
          id={`${marker}-${state}`}
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="8"
          markerHeight="8"
          markerUnits="userSpaceOnUse"
          orient="auto-start-reverse"
        >
          <path className={`${styles.arrow} ${styles[`edge-${state}`]}`} d="M0 0.8 7 4 0 7.2z" />
        </marker>
      ))}
    </defs>
  );
}
