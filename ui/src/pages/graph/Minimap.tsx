import type { PointerEvent } from "react";
import type { GraphStep } from "@/api/schema";
import type { Extent, Viewport } from "@/components/viewport";
import styles from "./GraphView.module.css";
import { stepLook, type GraphLook } from "./states";

const WIDEST = 180;
const HIGHEST = 130;

/** All of a large graph, small, with a frame around what is seen; a press moves there. For the pointer only. */
export function Minimap({
  steps,
  look,
  drawing,
  viewport,
  frame,
  onMove,
}: {
  steps: readonly GraphStep[];
  look: GraphLook;
  drawing: Extent;
  viewport: Viewport;
  frame: Extent;
  /** Bring a point of the drawing to the middle. */
  onMove: (x: number, y: number) => void;
}) {
  const scale = Math.min(WIDEST / drawing.width, HIGHEST / drawing.height);
  const go = (event: PointerEvent<SVGSVGElement>) => {
    if (event.buttons === 0) return;
    event.stopPropagation();
    const area = event.currentTarget.getBoundingClientRect();
    onMove((event.clientX - area.left) / scale, (event.clientY - area.top) / scale);
  };
  return (
    <svg
      className={styles.minimap}
      width={drawing.width * scale}
      height={drawing.height * scale}
      viewBox={`0 0 ${drawing.width} ${drawing.height}`}
      aria-hidden="true"
      onPointerDown={go}
      onPointerMove={go}
    >
      {steps.map((step) => (
        <g key={step.name} className={styles[`look-${stepLook(look, step.name)}`]}>
          <rect x={step.x} y={step.y} width={step.width} height={step.height} rx={8} />
        </g>
      ))}
      <rect
        className={styles.window}
        x={-viewport.left / viewport.scale}
        y={-viewport.top / viewport.scale}
        width={frame.width / viewport.scale}
        height={frame.height / viewport.scale}
      />
    </svg>
  );
}
