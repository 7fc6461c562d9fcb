import { memo, useEffect, useLayoutEffect, useRef, useState } from "react";
import { Icon } from "@/components/Icon";
import { Untrusted } from "@/components/Untrusted";
import { quantileText, rowText, stepText, taskName } from "./describe";
import { attemptsOf, stateOf, type TimelineModel } from "./model";
import { heightOf, isBad, visibleRows, type Layout, type Row } from "./rows";
import { StateMark } from "./StateMark";
import styles from "./Timeline.module.css";

interface RowLabelsProps {
  id: string;
  model: TimelineModel;
  layout: Layout;
  now: number;
  scroller: HTMLDivElement | null;
  active: number;
  selected: number;
  onSelect: (place: number) => void;
  onOpen: (place: number) => void;
  onToggle: (step: number) => void;
  onScroll: (() => void) | undefined;
}

/** Rows beyond what can be seen that are there already when they come into view. */
const OVERSCAN = 6;

/** Names of rows, and what screen readers say of them; only those that can be seen are there. */
export function RowLabels({ scroller, onScroll, layout, onSelect, onOpen, ...rest }: RowLabelsProps) {
  const labels = useRef<HTMLDivElement>(null);
  const [shown, setShown] = useState({ top: 0, height: 600 });
  useLayoutEffect(() => {
    if (scroller === null) return;
    const measure = () => {
      setShown({ top: scroller.scrollTop, height: scroller.clientHeight });
      onScroll?.();
    };
    measure();
    scroller.addEventListener("scroll", measure, { passive: true });
    const resizing = new ResizeObserver(measure);
    resizing.observe(scroller);
    return () => {
      scroller.removeEventListener("scroll", measure);
      resizing.disconnect();
    };
  }, [scroller, onScroll, layout]);
  useEffect(() => {
    // Rows are clicked on here; keys are heard by the grid that they are rows of.
    const element = labels.current;
    if (element === null) return;
    const controller = new AbortController();
    const options = { signal: controller.signal };
    const each = (react: (place: number) => void) => (event: MouseEvent) => {
      const target = event.target instanceof Element ? event.target : null;
      const place = target?.closest<HTMLElement>("[data-place]")?.dataset.place;
      if (place !== undefined && target?.closest("button") === null) react(Number(place));
    };
    element.addEventListener("click", each(onSelect), options);
    element.addEventListener("dblclick", each(onOpen), options);
    return () => controller.abort();
  }, [onSelect, onOpen]);
  const [from, to] = visibleRows(layout, shown.top, shown.height);
  const first = Math.max(0, from - OVERSCAN);
  const last = Math.min(layout.rows.length, to + OVERSCAN);
  const places = Array.from({ length: Math.max(0, last - first) }, (_, index) => first + index);
  // The row that the keyboard is at is always there, so that it can be read out.
  if (rest.active >= 0 && rest.active < layout.rows.length && (rest.active < first || rest.active >= last)) {
    places.push(rest.active);
  }
  return (
    <div ref={labels} className={styles.labels} role="rowgroup">
      {places.map((place) => {
        const row = layout.rows[place];
        if (row === undefined) return null;
        return (
          <RowLabel
            key={place}
            id={`${rest.id}-${place}`}
            row={row}
            place={place}
            top={layout.tops[place] ?? 0}
            model={rest.model}
            now={row.kind !== "more" && rest.model.isRunning ? rest.now : 0}
            isActive={place === rest.active}
            isSelected={place === rest.selected}
            onToggle={rest.onToggle}
          />
        );
      })}
    </div>
  );
}

interface RowLabelProps {
  id: string;
  row: Row;
  place: number;
  top: number;
  model: TimelineModel;
  now: number;
  isActive: boolean;
  isSelected: boolean;
  onToggle: (step: number) => void;
}

const RowLabel = memo(function RowLabel(props: RowLabelProps) {
  const { row, place, model, isActive, isSelected } = props;
  const isGroup = row.kind === "group" && row.tasks.length > 0;
  const indented = row.kind === "task" || row.kind === "more";
  return (
    <div
      id={props.id}
      data-place={place}
      role="row"
      aria-level={indented ? 2 : 1}
      aria-rowindex={place + 1}
      aria-selected={isSelected}
      aria-expanded={isGroup ? row.open : undefined}
      className={[
        styles.label,
        indented && styles.indented,
        row.kind === "group" && row.strip && styles.tall,
        isActive && styles.active,
        isSelected && styles.selected,
      ]
        .filter(Boolean)
        .join(" ")}
      style={{ top: props.top, height: heightOf(row) }}
    >
      <span role="gridcell" className={styles.cell}>
        {isGroup && (
          <button
            type="button"
            tabIndex={-1}
            className={styles.fold}
            aria-label={row.open ? "Fold" : "Open"}
            onClick={() => props.onToggle(row.step)}
          >
            <Icon name={row.open ? "down" : "right"} size={14} />
          </button>
        )}
        <span className="visually-hidden">{rowText(model, row, props.now)}</span>
        <span className={styles.name} aria-hidden="true">
          <RowName row={row} model={model} />
        </span>
      </span>
    </div>
  );
});

function RowName({ row, model }: { row: Row; model: TimelineModel }) {
  const step = model.steps[row.step]?.name ?? "";
  if (row.kind === "more") return <span className={styles.minor}>…</span>;
  if (row.kind === "group") {
    return (
      <>
        <span className={styles.title}>
          <Untrusted text={step} />
        </span>
        <span className={styles.minor} title={stepText(model, row.step, row.tasks, row.all)}>
          {stepText(model, row.step, row.tasks, row.all)}
        </span>
        {row.strip && <span className={styles.minor}>{quantileText(model, row.tasks)}</span>}
      </>
    );
  }
  const state = stateOf(model, row.row);
  const attempts = (model.earlier[row.row] ?? -1) < 0 ? 1 : attemptsOf(model, row.row).length;
  return (
    <>
      <StateMark state={state} />
      <span className={row.kind === "single" ? styles.title : isBad(state) ? styles.bad : undefined}>
        {row.kind === "single" ? <Untrusted text={step} /> : <Untrusted text={taskName(model, row.row)} />}
      </span>
      {attempts > 1 && <span className={styles.minor}>{attempts} attempts</span>}
    </>
  );
}
