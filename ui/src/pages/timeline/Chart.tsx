import { useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useEffectEvent, useId, useState } from "react";
import { EmptyState } from "@/components/States";
import { Button } from "@/components/Button";
import { useShortcuts } from "@/components/shortcuts";
import type { RunViewProps } from "@/app/selection";
import { formatCount } from "@/format/numbers";
import { useNow } from "@/app/clock";
import type { TimelineModel } from "./model";
import { presentOf } from "./model";
import { hitAt, type Hit } from "./hit";
import { Legend } from "./Legend";
import { Overview } from "./Overview";
import { PathSummary } from "./PathSummary";
import { RowLabels } from "./RowLabels";
import { nameOf, revealRow, totalHeight, type RowName } from "./rows";
import type { View } from "./scale";
import { useOptions, withToggled } from "./search";
import { Toolbar } from "./Toolbar";
import { Tooltip } from "./Tooltip";
import { useDrawing } from "./useDrawing";
import { useGestures } from "./useGestures";
import { rowKeys, SHORTCUTS } from "./keys";
import { useScene } from "./useScene";
import styles from "./Timeline.module.css";

/** The timeline of a run of which there are tasks. */
export function Chart({ flow, runId, selection, onSelect, model }: RunViewProps & { model: TimelineModel }) {
  const [options, change] = useOptions();
  useShortcuts(SHORTCUTS);
  const [activeRow, setActiveRow] = useState<RowName | null>(null);
  const [hit, setHit] = useState<Hit | null>(null);
  const scene = useScene(flow, runId, model, options, selection, activeRow);
  const { layout, selected, active, inputs } = scene;
  const settle = useCallback((view: View | null) => change({ view }), [change]);
  const [drawing, elements, [attachAxis, attachPlot, attachOverview, attachScroller]] = useDrawing(
    inputs,
    options.view,
    settle,
  );
  const navigate = useNavigate();
  const now = presentOf(model, useNow() * 1000);
  const id = useId();
  const height = useHeight(elements.scroller);

  const setActive = useCallback((place: number) => setActiveRow(nameOf(layout, model, place)), [layout, model]);
  const toggle = useCallback(
    (step: number) => change({ toggled: withToggled(options.toggled, model.steps[step]?.name ?? "") }),
    [change, model, options.toggled],
  );
  const select = useCallback(
    (place: number, attemptRow?: number) => {
      const row = layout.rows[place];
      const step = row === undefined ? undefined : model.steps[row.step]?.name;
      if (row === undefined || step === undefined) return;
      setActive(place);
      drawing?.reveal(row);
      if (row.kind === "group" || row.kind === "more") onSelect({ step });
      else {
        const attempt = model.columns.attempt[attemptRow ?? row.row];
        onSelect({ step, taskId: model.columns.task[row.row], attempt });
      }
    },
    [drawing, layout, model, onSelect, setActive],
  );
  const open = useCallback(
    (place: number, attemptRow?: number) => {
      const row = layout.rows[place];
      if (row === undefined) return;
      if (row.kind === "group" || row.kind === "more") {
        toggle(row.step);
        return;
      }
      const attempt = model.columns.attempt[attemptRow ?? row.row];
      void navigate({
        to: "/runs/$flow/$runId/tasks/$step/$taskId",
        params: { flow, runId, step: model.steps[row.step]?.name ?? "", taskId: model.columns.task[row.row] ?? "" },
        search: attempt === undefined ? {} : { attempt: String(attempt) },
      });
    },
    [flow, runId, layout, model, navigate, toggle],
  );

  useGestures(drawing, elements, {
    hover: (at) => setHit(at === null || drawing === null ? null : hitAt(drawing.scene(), at.x, at.y)),
    click: (x, y, isDouble) => {
      const found = hitAt(drawing?.scene() ?? null, x, y);
      if (found === null) return;
      if (isDouble) open(found.place, found.attempt);
      else select(found.place, found.attempt);
    },
  });
  const revealSelected = useEffectEvent(() => revealRow(elements.scroller, layout, selected));
  const revealActive = useEffectEvent(() => revealRow(elements.scroller, layout, active));
  const selectedTask = selection === null ? "" : `${selection.step}/${selection.taskId ?? ""}`;
  useEffect(() => {
    // Only when something else is selected: rows that are added above it must not move what somebody looks at.
    if (selectedTask !== "") revealSelected();
  }, [selectedTask]);
  useEffect(() => {
    if (activeRow !== null) revealActive();
  }, [activeRow]);
  const keys = rowKeys({ layout, active, setActive, select, open, toggle, drawing, clear: () => onSelect(null) });
  const activeId = active >= 0 && active < layout.rows.length ? `${id}-${active}` : undefined;

  return (
    <div className={styles.chart}>
      <Toolbar options={options} onChange={change} drawing={drawing} title={`${flow}/${runId}`} />
      <Legend model={model} options={options} onChange={change} />
      {options.path && (
        <PathSummary model={model} path={scene.path} error={scene.pathError} onSelect={(each) => onSelect(each)} />
      )}
      <div className={styles.stage}>
        <div className={styles.frame}>
          <div className={styles.corner}>At once: up to {formatCount(inputs.overall.peak)}</div>
          <Overview drawing={drawing} canvas={elements.overview} attach={attachOverview} />
          <div className={styles.corner} aria-hidden="true">
            {options.clock ? "Time of day" : "Since the start"}
          </div>
          <canvas ref={attachAxis} className={styles.axis} aria-hidden="true" />
          <div
            ref={attachScroller}
            className={styles.scroller}
            role="treegrid"
            aria-label="Steps and tasks over time"
            aria-rowcount={layout.rows.length}
            aria-describedby={`${id}-keys`}
            aria-activedescendant={activeId}
            tabIndex={0}
            onKeyDown={keys}
            onFocus={() => {
              if (active < 0) setActive(Math.max(0, selected));
            }}
          >
            <div className={styles.content} style={{ height: Math.max(totalHeight(layout), 1) }}>
              <RowLabels
                id={id}
                model={model}
                layout={layout}
                now={now}
                scroller={elements.scroller}
                active={active}
                selected={selected}
                onSelect={select}
                onOpen={open}
                onToggle={toggle}
                onScroll={drawing?.schedule}
              />
              <canvas ref={attachPlot} className={styles.plot} style={{ height }} aria-hidden="true" />
            </div>
          </div>
        </div>
        {hit !== null && (
          <Tooltip
            isAbove={hit.y > height / 2 && hit.y > 160}
            model={model}
            layout={layout}
            hit={hit}
            now={now}
            densityOf={inputs.densityOf}
          />
        )}
      </div>
      {layout.rows.length === 0 && (
        <EmptyState icon="filter" title="No task fits">
          <Button onClick={() => change({ text: "", hiddenStates: new Set() })}>Show all tasks</Button>
        </EmptyState>
      )}
      <p id={`${id}-keys`} className="visually-hidden">
        Arrow keys go from row to row, Enter opens, Space selects, plus and minus zoom; the question mark lists all
        keys.
      </p>
      <p className={styles.keys}>
        Drag to move · <kbd>Shift</kbd>-drag or drag the axis to choose a span · <kbd>Ctrl</kbd>-wheel or pinch to zoom
        · <kbd>?</kbd> all keys
      </p>
    </div>
  );
}

/** Height of an element in pixels, as it is at the moment. */
function useHeight(element: HTMLElement | null): number {
  const [height, setHeight] = useState(256);
  useEffect(() => {
    if (element === null) return;
    const resizing = new ResizeObserver(() => setHeight(element.clientHeight));
    resizing.observe(element);
    return () => resizing.disconnect();
  }, [element]);
  return height;
}
