import { useRef, useState, type KeyboardEvent } from "react";
import { markWords, nextMark, type Mark } from "./marks";

/** Which mark of a chart is looked at, by pointer or by keys, and what each mark's element needs for that. */
export function useMarks(marks: readonly Mark[], onOpen?: (key: string) => void) {
  const group = useRef<SVGGElement>(null);
  const [active, setActive] = useState<string | null>(null);
  const [tabbed, setTabbed] = useState(0);
  const onKey = (event: KeyboardEvent, index: number) => {
    const mark = marks[index];
    if ((event.key === "Enter" || event.key === " ") && mark !== undefined) onOpen?.(mark.key);
    else {
      const next = nextMark(event, index, marks.length);
      if (next === null) return;
      setTabbed(next);
      group.current?.querySelectorAll<SVGElement>("[data-mark]")[next]?.focus();
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const propsOf = (index: number) => {
    const mark = marks[index];
    const key = mark?.key ?? "";
    return {
      "data-mark": index,
      role: "button" as const,
      tabIndex: index === Math.min(tabbed, marks.length - 1) ? 0 : -1,
      "aria-label": mark === undefined ? "" : markWords(mark),
      onPointerEnter: () => setActive(key),
      onPointerLeave: () => setActive(null),
      onFocus: () => setActive(key),
      onBlur: () => setActive(null),
      onClick: () => onOpen?.(key),
      onKeyDown: (event: KeyboardEvent) => onKey(event, index),
    };
  };
  return { group, active, propsOf };
}
