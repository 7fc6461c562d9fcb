import { useEffect, useRef, useState, type RefObject } from "react";
import { readRuns, writeRuns, type RunKey } from "./search";

const KIND = "application/x-metaflow-run";

/** Note which run is dragged. */
export function startDrag(transfer: DataTransfer, run: RunKey): void {
  transfer.setData(KIND, writeRuns([run]) ?? "");
  transfer.effectAllowed = "move";
}

/** Have an element take runs that are dropped on it; gives whether one is above it. */
export function useDropTarget(element: RefObject<HTMLElement | null>, onDrop: (run: RunKey) => void): boolean {
  const [isTarget, setTarget] = useState(false);
  const latest = useRef(onDrop);
  useEffect(() => {
    latest.current = onDrop;
  });
  useEffect(() => {
    const target = element.current;
    if (target === null) return undefined;
    const over = (event: DragEvent) => {
      if (event.dataTransfer?.types.includes(KIND) !== true) return;
      event.preventDefault();
      setTarget(true);
    };
    const leave = () => setTarget(false);
    const drop = (event: DragEvent) => {
      setTarget(false);
      event.preventDefault();
      const [run] = readRuns([event.dataTransfer?.getData(KIND) ?? ""]);
      if (run !== undefined) latest.current(run);
    };
    target.addEventListener("dragover", over);
    target.addEventListener("dragleave", leave);
    target.addEventListener("drop", drop);
    return () => {
      target.removeEventListener("dragover", over);
      target.removeEventListener("dragleave", leave);
      target.removeEventListener("drop", drop);
    };
  }, [element]);
  return isTarget;
}
