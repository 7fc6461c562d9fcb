import { useEffect, useLayoutEffect, useRef } from "react";
import type { Drawing } from "./drawing";
import { listenToGestures, type Gestures } from "./gestures";
import { timeAt } from "./scale";
import type { Elements } from "./useDrawing";

type Reactions = Pick<Gestures, "hover" | "click">;

/** Let a pointer move and zoom the plot and its axis; what it points at is told to `reactions`. */
export function useGestures(drawing: Drawing | null, { plot, axis }: Elements, reactions: Reactions): void {
  const latest = useRef(reactions);
  useLayoutEffect(() => {
    latest.current = reactions;
  });
  useEffect(() => {
    if (drawing === null || plot === null || axis === null) return;
    const moves = {
      pan: (pixels: number) => drawing.pan(pixels / Math.max(1, drawing.width)),
      zoom: (x: number, factor: number) => drawing.zoom(factor, timeAt(x, drawing.view, drawing.width)),
      choose: (span: [number, number] | null) => drawing.choose(span),
      show: (from: number, to: number) => {
        const [start, end] = [from, to].map((x) => timeAt(x, drawing.view, drawing.width)) as [number, number];
        drawing.show({ from: start, to: end });
      },
    };
    const hover: Gestures["hover"] = (at) => latest.current.hover(at);
    const click: Gestures["click"] = (...at) => latest.current.click(...at);
    const ends = [
      listenToGestures(plot, { ...moves, hover, click }, false, false),
      listenToGestures(axis, { ...moves, hover: () => undefined, click: () => undefined }, true, true),
    ];
    return () => ends.forEach((end) => end());
  }, [drawing, plot, axis]);
}
