import { memo, type KeyboardEvent, type MouseEvent } from "react";
import type { GraphStep, GraphStepState } from "@/api/schema";
import { formatDuration } from "@/format/duration";
import { formatCount } from "@/format/numbers";
import { KIND_PATHS, LOOK_PATHS } from "./drawings";
import styles from "./GraphView.module.css";
import { countText, LOOK_WORDS, type StepLook } from "./states";
import { fitting, textWidth } from "@/components/textFit";

const PADDING = 14;
const NAME_SIZE = 13;
const FACT_SIZE = 12;

export interface StepBoxProps {
  step: GraphStep;
  state: GraphStepState | undefined;
  look: StepLook;
  /** Seconds from its first start to its last end, or to now. */
  seconds: number | null;
  /** All of it in words. */
  words: string;
  isSelected: boolean;
  /** Whether the tabulator key leads here: one step of a graph has it. */
  isTabbed: boolean;
  /** Too small for texts: a name only, or nothing. */
  detail: "all" | "name" | "none";
  onClick: (name: string, event: MouseEvent) => void;
  onOpen: (name: string) => void;
  onKey: (name: string, event: KeyboardEvent) => void;
}

/** A step of the graph: its kind by shape and drawing, its state by drawing, word and colour. */
export const StepBox = memo(function StepBox({ step, state, look, seconds, words, ...rest }: StepBoxProps) {
  const { width, height } = step;
  const { detail } = rest;
  const end = step.is_start ? "start" : step.is_end ? "end" : "linear";
  const kind = step.kind === "linear" ? end : step.kind;
  return (
    <g role="listitem" transform={`translate(${step.x} ${step.y})`} className={styles[`look-${look}`]}>
      <g
        role="button"
        tabIndex={rest.isTabbed ? 0 : -1}
        aria-label={words}
        aria-pressed={rest.isSelected}
        data-step={step.name}
        className={`${styles.step} ${rest.isSelected ? styles.selected : ""}`}
        onClick={(event) => rest.onClick(step.name, event)}
        onDoubleClick={() => rest.onOpen(step.name)}
        onKeyDown={(event) => rest.onKey(step.name, event)}
      >
        {step.repeated_by !== null && <Outline kind="linear" width={width} height={height} shift={5} />}
        <Outline kind={kind} width={width} height={height} shift={0} />
        <path className={styles.stripe} d={stripe(kind, height)} />
        {detail === "all" ? (
          <Texts step={step} state={state} look={look} seconds={seconds} kind={kind} />
        ) : (
          detail === "name" && (
            <text className={styles.bigName} x={width / 2} y={height / 2 + 9} textAnchor="middle">
              {fitting(step.name, width - 2 * PADDING, 26, 600)}
            </text>
          )
        )}
      </g>
    </g>
  );
});

/** The line in the colour of the state, along the left side of the outline. */
function stripe(kind: string, height: number): string {
  if (kind === "switch") return `M11 6 2 ${height / 2} 11 ${height - 6}`;
  const space = kind === "start" || kind === "end" ? 18 : 9;
  return `M1.5 ${space}v${height - 2 * space}`;
}

/** A pill begins and ends, a hexagon decides, a bar at the side joins; everything else is a box. */
function Outline({ kind, width, height, shift }: { kind: string; width: number; height: number; shift: number }) {
  if (kind === "switch") {
    const cut = 12;
    const middle = height / 2;
    const corners = [0, middle, cut, 0, width - cut, 0, width, middle, width - cut, height, cut, height];
    return <polygon className={styles.outline} points={corners.join(" ")} />;
  }
  const radius = kind === "start" || kind === "end" ? 18 : 7;
  return (
    <>
      <rect className={styles.outline} x={shift} y={-shift} width={width} height={height} rx={radius} />
      {kind === "join" && <path className={styles.bar} d={`M7 10v${height - 20}`} />}
    </>
  );
}

function Texts({
  step,
  state,
  look,
  seconds,
  kind,
}: Pick<StepBoxProps, "step" | "state" | "look" | "seconds"> & { kind: keyof typeof KIND_PATHS }) {
  const { width, height } = step;
  const room = width - 2 * PADDING - 44;
  const count = countText(state, step.repeated_by !== null);
  const failed = state?.failed ?? 0;
  const facts = [count || LOOK_WORDS[look], failed > 0 && count !== "" ? `${formatCount(failed)} failed` : null];
  const time = seconds === null ? "" : formatDuration(seconds);
  return (
    <>
      <path className={styles.kind} transform={`translate(${PADDING} 11)`} d={KIND_PATHS[kind]} />
      <text className={styles.name} x={PADDING + 22} y={24}>
        {fitting(step.name, room, NAME_SIZE, 600)}
      </text>
      <g className={styles.state} transform={`translate(${width - PADDING - 16} 11)`}>
        <path className={look === "running" ? styles.turning : undefined} d={LOOK_PATHS[look]} />
      </g>
      <text className={failed > 0 ? styles.failure : styles.facts} x={PADDING} y={height - 15}>
        {fitting(
          facts.filter((fact) => fact !== null).join(" · "),
          width - 2 * PADDING - (time === "" ? 0 : textWidth(time, FACT_SIZE) + 8),
          FACT_SIZE,
          failed > 0 ? 600 : 400,
        )}
      </text>
      <text className={styles.facts} x={width - PADDING} y={height - 15} textAnchor="end">
        {time}
      </text>
      <Progress state={state} width={width - 2 * PADDING} y={height - 8} />
    </>
  );
}

/** How many tasks are done, failed and running, of all that are expected. */
function Progress({ state, width, y }: { state: GraphStepState | undefined; width: number; y: number }) {
  const all = state === undefined ? 0 : Math.max(state.expected ?? 0, state.tasks);
  if (state === undefined || all < 2) return null;
  let x = PADDING;
  const parts = [
    ["barDone", state.done + state.caught],
    ["barFailed", state.failed + state.killed],
    ["barRunning", state.running],
  ] as const;
  return (
    <>
      <rect className={styles.barAll} x={PADDING} y={y} width={width} height={3} rx={1.5} />
      {parts.map(([name, count]) => {
        const start = x;
        x += (width * count) / all;
        return count === 0 ? null : (
          <rect
            key={name}
            className={styles[name]}
            x={start}
            y={y}
            width={Math.max(1.5, x - start)}
            height={3}
            rx={1.5}
          />
        );
      })}
    </>
  );
}
