/** What a person does with a pointer on the plot; positions are pixels from its left and top. */
export interface Gestures {
  /** Show what is so many pixels further right. */
  pan: (pixels: number) => void;
  /** Show more (factor above 1) or less around a position. */
  zoom: (x: number, factor: number) => void;
  /** A span is being chosen, or (null) no longer. */
  choose: (span: [number, number] | null) => void;
  /** A span was chosen. */
  show: (from: number, to: number) => void;
  /** The pointer is at a place, or (null) has left. */
  hover: (at: { x: number; y: number } | null) => void;
  click: (x: number, y: number, isDouble: boolean) => void;
}

/** How far a pointer moves before that is a drag and no click. */
const SLACK = 4;
const LINE_PIXELS = 16;
const DOUBLE_MILLISECONDS = 400;

/**
 * Listen to a pointer, a wheel, and two fingers.
 *
 * @param chooses whether a drag chooses a span, as on an axis, also without the shift key
 * @param zooms whether the wheel zooms also without the control key, as nothing scrolls there
 * @returns ends it
 */
export function listenToGestures(
  element: HTMLElement,
  gestures: Gestures,
  chooses: boolean,
  zooms: boolean,
): () => void {
  const controller = new AbortController();
  const options = { signal: controller.signal };
  const pointers = new Map<number, { x: number; y: number }>();
  let start: { x: number; y: number; chooses: boolean } | null = null;
  let isDrag = false;
  let clickedAt = 0;
  const place = (event: MouseEvent) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const move = (event: PointerEvent) => {
    const at = place(event);
    const before = pointers.get(event.pointerId);
    if (before === undefined) {
      if (event.pointerType !== "touch") gestures.hover(at);
      return;
    }
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other !== undefined) {
      const apart = Math.abs(before.x - other.x);
      const now = Math.abs(at.x - other.x);
      if (apart > 1 && now > 1) gestures.zoom((at.x + other.x) / 2, apart / now);
      isDrag = true;
    } else if (start !== null) {
      if (Math.abs(at.x - start.x) > SLACK) isDrag = true;
      if (isDrag && start.chooses) gestures.choose([start.x, at.x]);
      else if (isDrag) gestures.pan(before.x - at.x);
    }
    pointers.set(event.pointerId, at);
  };
  const end = (event: PointerEvent) => {
    const at = place(event);
    if (!pointers.delete(event.pointerId) || pointers.size > 0) return;
    if (start?.chooses === true && isDrag) gestures.show(Math.min(start.x, at.x), Math.max(start.x, at.x));
    else if (!isDrag && event.type === "pointerup") {
      gestures.click(at.x, at.y, event.timeStamp - clickedAt < DOUBLE_MILLISECONDS);
      clickedAt = event.timeStamp;
    }
    gestures.choose(null);
    start = null;
    isDrag = false;
  };
  const wheel = (event: WheelEvent) => {
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PIXELS : 1;
    const sideways = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
    if (
      event.ctrlKey ||
      event.metaKey ||
      (zooms && Math.abs(event.deltaY) > Math.abs(event.deltaX) && !event.shiftKey)
    ) {
      gestures.zoom(place(event).x, Math.exp(clampedStep(event.deltaY * unit) * 0.004));
    } else if (Math.abs(sideways) > Math.abs(event.deltaY) || event.shiftKey) gestures.pan(sideways * unit);
    else return; // rows scroll
    event.preventDefault();
  };
  element.addEventListener(
    "pointerdown",
    (event) => {
      if (event.button !== 0) return;
      const at = place(event);
      pointers.set(event.pointerId, at);
      if (pointers.size === 1) start = { ...at, chooses: chooses || event.shiftKey };
      // Fingers that move up and down scroll the rows, which the browser does; it then says so.
      if (event.pointerType !== "touch" || pointers.size > 1) element.setPointerCapture(event.pointerId);
    },
    options,
  );
  element.addEventListener("pointermove", move, options);
  element.addEventListener("pointerup", end, options);
  element.addEventListener("pointercancel", end, options);
  element.addEventListener("pointerleave", () => gestures.hover(null), options);
  element.addEventListener("wheel", wheel, { ...options, passive: false });
  return () => controller.abort();
}

/** Wheels of mice give large steps, and trackpads small ones. */
function clampedStep(delta: number): number {
  return Math.max(-120, Math.min(120, delta));
}
