import { useCallback, useEffect, useRef, useState, type RefObject } from "react";
import { fitted, moved, zoomed, type Extent, type Viewport } from "./viewport";

const ZOOM_STEP = 1.25;
const PAN_STEP = 80;
const WHEEL_SPEED = 0.0016;
/** A press that moves less than this is a click. */
const CLICK_PIXELS = 4;

export interface PanZoom {
  /** Extent of the frame; null until it is known. */
  extent: Extent | null;
  viewport: Viewport;
  setViewport: (change: (viewport: Viewport) => Viewport) => void;
  fit: () => void;
  /** Larger or smaller around the middle. */
  zoom: (way: "in" | "out") => void;
  /** Whether the pointer has just been dragged, so that what follows is no click. */
  wasDragged: () => boolean;
}

/** Zooming and moving of a drawing in its frame by wheel, pinch, drag and keys. It is fitted into its frame until somebody moves it. */
export function usePanZoom(frame: RefObject<HTMLDivElement | null>, drawing: Extent, least: number): PanZoom {
  const [extent, setExtent] = useState<Extent | null>(null);
  const [chosen, setChosen] = useState<Viewport | null>(null);
  const dragged = useRef(false);
  const viewport = chosen ?? fitted(drawing, extent ?? { width: 1, height: 1 }, least);
  const latest = useRef({ viewport, extent, drawing });
  useEffect(() => {
    latest.current = { viewport, extent, drawing };
  });

  const setViewport = useCallback((change: (viewport: Viewport) => Viewport) => {
    latest.current.viewport = change(latest.current.viewport);
    setChosen(latest.current.viewport);
  }, []);
  const pan = useCallback(
    (x: number, y: number) => {
      const { extent: room, drawing: all } = latest.current;
      if (room !== null) setViewport((before) => moved(before, x, y, all, room));
    },
    [setViewport],
  );
  const zoom = useCallback(
    (way: "in" | "out") => {
      const room = latest.current.extent;
      if (room === null) return;
      const factor = way === "in" ? ZOOM_STEP : 1 / ZOOM_STEP;
      setViewport((before) => zoomed(before, factor, { x: room.width / 2, y: room.height / 2 }));
    },
    [setViewport],
  );
  const fit = useCallback(() => setChosen(null), []);

  useEffect(() => {
    const element = frame.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setExtent({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(element);
    const ends = [
      followPointers(element, { pan, setViewport, dragged }),
      followKeys(element, {
        "+": () => zoom("in"),
        "=": () => zoom("in"),
        "-": () => zoom("out"),
        "0": fit,
        ArrowLeft: () => pan(PAN_STEP, 0),
        ArrowRight: () => pan(-PAN_STEP, 0),
        ArrowUp: () => pan(0, PAN_STEP),
        ArrowDown: () => pan(0, -PAN_STEP),
      }),
    ];
    return () => {
      observer.disconnect();
      for (const end of ends) end();
    };
  }, [frame, pan, zoom, fit, setViewport]);

  return {
    extent,
    viewport,
    setViewport,
    fit,
    zoom,
    wasDragged: useCallback(() => dragged.current, []),
  };
}

interface Handlers {
  pan: (x: number, y: number) => void;
  setViewport: PanZoom["setViewport"];
  dragged: RefObject<boolean>;
}

function followPointers(element: HTMLElement, { pan, setViewport, dragged }: Handlers): () => void {
  const pointers = new Map<number, { x: number; y: number }>();
  let way = 0;

  const onWheel = (event: WheelEvent) => {
    event.preventDefault();
    if (event.shiftKey) {
      pan(-(event.deltaX || event.deltaY), 0);
      return;
    }
    const area = element.getBoundingClientRect();
    const speed = event.ctrlKey ? 5 * WHEEL_SPEED : WHEEL_SPEED; // a pinch on a touchpad comes as a wheel with ctrl
    const factor = Math.exp(-event.deltaY * speed);
    setViewport((before) => zoomed(before, factor, { x: event.clientX - area.left, y: event.clientY - area.top }));
  };
  const onDown = (event: PointerEvent) => {
    if (event.button !== 0) return;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    way = 0;
    dragged.current = false;
  };
  const onMove = (event: PointerEvent) => {
    const before = pointers.get(event.pointerId);
    if (before === undefined) return;
    const now = { x: event.clientX, y: event.clientY };
    const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    pointers.set(event.pointerId, now);
    const other = others[0];
    if (other !== undefined) {
      dragged.current = true;
      const area = element.getBoundingClientRect();
      const distance = (point: { x: number; y: number }) => Math.hypot(point.x - other.x, point.y - other.y);
      const middle = { x: (now.x + other.x) / 2 - area.left, y: (now.y + other.y) / 2 - area.top };
      setViewport((view) => zoomed(view, distance(now) / Math.max(1, distance(before)), middle));
      return;
    }
    way += Math.hypot(now.x - before.x, now.y - before.y);
    if (way < CLICK_PIXELS) return;
    if (!dragged.current) element.setPointerCapture(event.pointerId);
    dragged.current = true;
    pan(now.x - before.x, now.y - before.y);
  };
  const onUp = (event: PointerEvent) => pointers.delete(event.pointerId);

  element.addEventListener("wheel", onWheel, { passive: false });
  element.addEventListener("pointerdown", onDown);
  element.addEventListener("pointermove", onMove);
  element.addEventListener("pointerup", onUp);
  element.addEventListener("pointercancel", onUp);
  return () => {
    element.removeEventListener("wheel", onWheel);
    element.removeEventListener("pointerdown", onDown);
    element.removeEventListener("pointermove", onMove);
    element.removeEventListener("pointerup", onUp);
    element.removeEventListener("pointercancel", onUp);
  };
}

/** What keys do while something in the drawing has the focus. */
function followKeys(element: HTMLElement, actions: Readonly<Record<string, () => void>>): () => void {
  const onKey = (event: KeyboardEvent) => {
    const isTaken = event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey;
    // Arrow keys alone are for what has the focus.
    const isForFocus = event.key.startsWith("Arrow") && !event.shiftKey;
    const act = isTaken || isForFocus ? undefined : actions[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  };
  element.addEventListener("keydown", onKey);
  return () => element.removeEventListener("keydown", onKey);
}
