import { useEffect, useLayoutEffect, useMemo, useState } from "react";
import { useIsDark } from "@/app/theme";
import { Drawing, type Inputs } from "./drawing";
import type { View } from "./scale";

/** What is drawn on, and what scrolls; null until it is there. */
export interface Elements {
  axis: HTMLCanvasElement | null;
  plot: HTMLCanvasElement | null;
  overview: HTMLCanvasElement | null;
  scroller: HTMLDivElement | null;
}

type AttachCanvas = (element: HTMLCanvasElement | null) => void;

/** Take the axis, the plot, the overview and what scrolls when they are there. */
export type Attach = [AttachCanvas, AttachCanvas, AttachCanvas, (element: HTMLDivElement | null) => void];

/** The canvases of the timeline, drawn anew whenever what they show changes; null until they are there. */
export function useDrawing(
  inputs: Inputs,
  view: View | null,
  onSettled: (view: View | null) => void,
): [Drawing | null, Elements, Attach] {
  const [axis, setAxis] = useState<HTMLCanvasElement | null>(null);
  const [plot, setPlot] = useState<HTMLCanvasElement | null>(null);
  const [overview, setOverview] = useState<HTMLCanvasElement | null>(null);
  const [scroller, setScroller] = useState<HTMLDivElement | null>(null);
  const isDark = useIsDark();
  const drawing = useMemo(() => {
    if (axis === null || plot === null || overview === null || scroller === null) return null;
    return new Drawing({ axis, plot, overview }, scroller);
  }, [axis, plot, overview, scroller]);

  useEffect(() => drawing?.open(), [drawing]);
  useEffect(() => drawing?.whenSettled(onSettled), [drawing, onSettled]);
  useLayoutEffect(() => drawing?.set(inputs), [drawing, inputs]);
  const [from, to] = [view?.from, view?.to];
  useEffect(() => {
    drawing?.show(from === undefined || to === undefined ? null : { from, to }, false);
  }, [drawing, from, to]);
  useEffect(() => {
    drawing?.recolour();
  }, [drawing, isDark]);
  return [drawing, { axis, plot, overview, scroller }, [setAxis, setPlot, setOverview, setScroller]];
}
