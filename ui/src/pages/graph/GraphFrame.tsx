import { useCallback, useEffect, useId, useMemo, useRef, type KeyboardEvent, type MouseEvent } from "react";
import type { GraphStep, RunGraph } from "@/api/schema";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { useShortcuts, type ShortcutGroup } from "@/components/shortcuts";
import { usePanZoom } from "@/components/usePanZoom";
import { meet, moved, seen, showing, type Viewport } from "@/components/viewport";
import { plural } from "@/format/numbers";
import { Arrows, Edges } from "./Edges";
import styles from "./GraphView.module.css";
import { Legend } from "./Legend";
import { Minimap } from "./Minimap";
import { secondsOf, stepInWords, stepLook, type GraphLook } from "./states";
import { StepBox } from "./StepBox";
import { TakeAway } from "./TakeAway";
import { walk, type Direction } from "./walking";

/** A graph is not fitted to less than this: texts would not be readable, and one begins at its beginning instead. */
const LEAST_FIT = 0.6;
const NAMES_BELOW = 0.5;
const NOTHING_BELOW = 0.16;
/** Graphs of more steps have a minimap, and only what is seen of them is drawn. */
const LARGE = 60;

const SHORTCUTS: ShortcutGroup = {
  title: "Graph",
  shortcuts: [
    { keys: ["←", "↑", "→", "↓"], does: "Walk along the edges" },
    { keys: ["Enter"], does: "Open the tasks of the step" },
    { keys: ["Space"], does: "Select the step" },
    { keys: ["+", "-"], does: "Zoom" },
    { keys: ["0"], does: "Show all of it" },
  ],
};

interface GraphFrameProps {
  graph: RunGraph;
  look: GraphLook;
  now: number;
  selected: string | null;
  onSelect: (step: string | null) => void;
  onOpen: (step: string) => void;
  /** Draw it in the other direction. */
  onTurn: () => void;
}

/** The drawing, which can be moved and zoomed, and the buttons for that. */
export function GraphFrame({ graph, look, now, selected, onSelect, onOpen, onTurn }: GraphFrameProps) {
  useShortcuts(SHORTCUTS);
  const marker = useId();
  const svg = useRef<SVGSVGElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const { viewport, extent, setViewport, zoom, fit, wasDragged } = usePanZoom(frame, graph, LEAST_FIT);
  const { scale } = viewport;
  const detail = scale < NOTHING_BELOW ? "none" : scale < NAMES_BELOW ? "name" : "all";

  const byName = useMemo(() => new Map(graph.steps.map((step) => [step.name, step])), [graph]);
  const bring = useCallback(
    (name: string) => {
      const step = byName.get(name);
      if (step !== undefined && extent !== null) setViewport((before) => showing(before, step, extent));
    },
    [byName, extent, setViewport],
  );
  useEffect(() => {
    if (selected !== null) bring(selected);
  }, [selected, bring]);

  // A graph that is larger than its frame opens where something is wrong, or going on.
  const telling = firstTelling(graph, look);
  const wasBrought = useRef(false);
  useEffect(() => {
    if (wasBrought.current || telling === null || extent === null) return;
    wasBrought.current = true;
    if (selected === null) bring(telling);
  }, [telling, extent, selected, bring]);

  const click = useCallback(
    (name: string, event: MouseEvent) => {
      event.stopPropagation();
      if (!wasDragged()) onSelect(name);
    },
    [onSelect, wasDragged],
  );
  const key = useCallback(
    (name: string, event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Enter") onOpen(name);
      else if (event.key === " ") onSelect(name);
      else if (event.key === "Escape") onSelect(null);
      else if (event.key.startsWith("Arrow") && !event.shiftKey) {
        const next = walk(graph.steps, graph.edges, name, event.key as Direction, graph.across);
        if (next !== null) {
          onSelect(next);
          bring(next);
          // It may not be drawn before it has been brought into sight.
          requestAnimationFrame(() => focusStep(svg.current, next));
        }
      } else return;
      event.preventDefault();
      event.stopPropagation();
    },
    [graph, onOpen, onSelect, bring],
  );
  const steps = useMemo(() => shownSteps(graph, viewport, extent, selected), [graph, viewport, extent, selected]);
  const tabbed = selected ?? graph.steps[0]?.name;
  const edges = useMemo(
    () => <Edges edges={graph.edges} look={look} across={graph.across} marker={marker} withLabels={detail === "all"} />,
    [graph, look, marker, detail],
  );
  return (
    <>
      <div className={styles.tools}>
        <div className={styles.group} role="group" aria-label="Zoom">
          <Button kind="quiet" label="Smaller (-)" onClick={() => zoom("out")}>
            −
          </Button>
          <span className={styles.scale}>{Math.round(scale * 100)} %</span>
          <Button kind="quiet" label="Larger (+)" onClick={() => zoom("in")}>
            +
          </Button>
        </div>
        <Button label="Show all of it (0)" onClick={fit}>
          Fit
        </Button>
        <Button label={graph.across ? "Draw from top to bottom" : "Draw from left to right"} onClick={onTurn}>
          <Icon name={graph.across ? "down" : "right"} size={14} />
        </Button>
        <TakeAway graph={graph} look={look} now={now} />
        <Legend look={look} graph={graph} />
      </div>
      <div
        ref={frame}
        className={styles.frame}
        role="group"
        aria-label={`Graph of the flow: ${plural(graph.steps.length, "step")}. Arrow keys walk along it, with Shift they move it; plus and minus zoom.`}
      >
        <svg ref={svg} className={styles.drawing}>
          <Arrows marker={marker} />
          <g transform={`translate(${viewport.left} ${viewport.top}) scale(${scale})`}>
            {edges}
            <g role="list">
              {steps.map((step) => (
                <StepBox
                  key={step.name}
                  step={step}
                  state={look.steps.get(step.name)}
                  look={stepLook(look, step.name)}
                  seconds={wholeSeconds(secondsOf(look.steps.get(step.name), look.isRunning, now))}
                  words={stepInWords(
                    step,
                    look,
                    graph.edges.filter((edge) => edge.source === step.name),
                  )}
                  isSelected={step.name === selected}
                  isTabbed={step.name === tabbed}
                  detail={detail}
                  onClick={click}
                  onOpen={onOpen}
                  onKey={key}
                />
              ))}
            </g>
          </g>
        </svg>
        {graph.steps.length > LARGE && extent !== null && (
          <Minimap
            steps={graph.steps}
            look={look}
            drawing={graph}
            viewport={viewport}
            frame={extent}
            onMove={(x, y) =>
              setViewport((before) =>
                moved(
                  {
                    scale: before.scale,
                    left: extent.width / 2 - x * before.scale,
                    top: extent.height / 2 - y * before.scale,
                  },
                  0,
                  0,
                  graph,
                  extent,
                ),
              )
            }
          />
        )}
      </div>
    </>
  );
}

function firstTelling(graph: RunGraph, look: GraphLook): string | null {
  for (const wanted of ["failed", "running"]) {
    const found = graph.steps.find((step) => stepLook(look, step.name) === wanted);
    if (found !== undefined) return found.name;
  }
  return null;
}

/** What grows while one looks changes once a second, so that boxes are not drawn again for less. */
function wholeSeconds(seconds: number | null): number | null {
  return seconds === null || seconds < 10 ? seconds : Math.floor(seconds);
}

function shownSteps(
  graph: RunGraph,
  viewport: Viewport,
  extent: { width: number; height: number } | null,
  selected: string | null,
): readonly GraphStep[] {
  if (graph.steps.length <= LARGE || extent === null) return graph.steps;
  const area = seen(viewport, extent, 300);
  return graph.steps.filter((step, index) => index === 0 || step.name === selected || meet(step, area));
}

function focusStep(svg: SVGSVGElement | null, name: string): void {
  for (const element of svg?.querySelectorAll<SVGGElement>("[data-step]") ?? []) {
    if (element.dataset.step === name) element.focus({ preventScroll: true });
  }
}
