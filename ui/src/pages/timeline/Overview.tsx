import { useEffect, useState } from "react";
import { formatDuration } from "@/format/duration";
import type { Drawing } from "./drawing";
import { timeKey } from "./keys";
import { dragged } from "./overview";
import { fitted, type View } from "./scale";
import styles from "./Timeline.module.css";

/** All of the run in small, where the part that is shown can be moved, made wider or narrower, or chosen anew. */
export function Overview({
  drawing,
  canvas,
  attach,
}: {
  drawing: Drawing | null;
  canvas: HTMLCanvasElement | null;
  attach: (element: HTMLCanvasElement | null) => void;
}) {
  const shown = useShownView(drawing);
  useEffect(() => {
    const element = canvas;
    if (drawing === null || element === null) return;
    let start: { x: number; view: View } | null = null;
    const controller = new AbortController();
    const options = { signal: controller.signal };
    const place = (event: MouseEvent) => event.clientX - element.getBoundingClientRect().left;
    const down = (event: PointerEvent) => {
      if (event.button !== 0) return;
      start = { x: place(event), view: drawing.view };
      element.setPointerCapture(event.pointerId);
    };
    const move = (event: PointerEvent) => {
      if (start === null || Math.abs(place(event) - start.x) < 3) return;
      drawing.show(dragged(fitted(drawing.end), start.view, element.clientWidth, start.x, place(event)));
    };
    const up = () => {
      start = null;
    };
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      drawing.zoom(Math.exp(Math.sign(event.deltaY) * 0.25));
    };
    element.addEventListener("pointerdown", down, options);
    element.addEventListener("pointermove", move, options);
    element.addEventListener("pointerup", up, options);
    element.addEventListener("pointercancel", up, options);
    element.addEventListener("dblclick", () => drawing.show(null), options);
    element.addEventListener("wheel", wheel, { ...options, passive: false });
    return () => controller.abort();
  }, [drawing, canvas]);
  const text = (time: number) => formatDuration(Math.max(0, time) / 1000);
  return (
    <div
      className={styles.overview}
      role="slider"
      tabIndex={0}
      aria-label="Part of the run that is shown"
      aria-valuemin={0}
      aria-valuemax={Math.round(shown.end)}
      aria-valuenow={Math.round(Math.min(shown.end, Math.max(0, (shown.from + shown.to) / 2)))}
      aria-valuetext={`from ${text(shown.from)} to ${text(Math.min(shown.to, shown.end))} of ${text(shown.end)}`}
      onKeyDown={(event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || !timeKey(event.key, drawing)) return;
        event.preventDefault();
        event.stopPropagation(); // the page has keys of its own
      }}
    >
      <canvas ref={attach} aria-hidden="true" />
    </div>
  );
}

/** Milliseconds between two changes of what screen readers are told while the view moves. */
const QUIET = 200;

function useShownView(drawing: Drawing | null): View & { end: number } {
  const [shown, setShown] = useState({ from: 0, to: 0, end: 0 });
  useEffect(() => {
    if (drawing === null) return;
    let timer: number | undefined;
    const unwatch = drawing.watch(() => {
      timer ??= window.setTimeout(() => {
        timer = undefined;
        setShown((before) => {
          const now = { ...drawing.view, end: drawing.end };
          return before.from === now.from && before.to === now.to && before.end === now.end ? before : now;
        });
      }, QUIET);
    });
    return () => {
      unwatch();
      window.clearTimeout(timer);
    };
  }, [drawing]);
  return shown;
}
