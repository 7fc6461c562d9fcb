import { Untrusted } from "@/components/Untrusted";
import { formatDuration } from "@/format/duration";
import { formatCount } from "@/format/numbers";
import { formatExactTime } from "@/format/time";
import { countsAt, type Density } from "./density";
import { PHASE_WORDS, STATE_WORDS, phaseTexts, quantileText, stepText, taskName } from "./describe";
import type { Hit } from "./hit";
import { PHASES, attemptsOf, phasesOf, stateOf, type TimelineModel } from "./model";
import type { Layout } from "./rows";
import { StateMark } from "./StateMark";
import styles from "./Timeline.module.css";

interface TooltipProps {
  model: TimelineModel;
  layout: Layout;
  hit: Hit;
  now: number;
  /** Whether it stands above the pointer, as there is no room below. */
  isAbove: boolean;
  densityOf: (place: number) => Density | null;
}

/** What the pointer is at, in exact numbers. Rows say the same to screen readers. */
export function Tooltip({ model, layout, hit, now, isAbove, densityOf }: TooltipProps) {
  const row = layout.rows[hit.place];
  if (row === undefined || row.kind === "more") return null;
  return (
    <div
      className={isAbove ? `${styles.tooltip} ${styles.above}` : styles.tooltip}
      aria-hidden="true"
      style={{ "--x": `${hit.x}px`, "--y": `${hit.y}px` } as React.CSSProperties}
    >
      {row.kind === "group" ? (
        <>
          <strong>
            <Untrusted text={model.steps[row.step]?.name ?? ""} />
          </strong>
          <div>{stepText(model, row.step, row.tasks, row.all)}</div>
          <div>{quantileText(model, row.tasks)}</div>
          {row.strip && <Moment time={hit.time} model={model} density={densityOf(hit.place)} />}
        </>
      ) : (
        <Attempt model={model} row={hit.attempt ?? row.row} latest={row.row} now={now} />
      )}
    </div>
  );
}

function Moment({ time, model, density }: { time: number; model: TimelineModel; density: Density | null }) {
  if (density === null) return null;
  const counts = countsAt(density, time);
  return (
    <dl className={styles.facts}>
      <dt>At</dt>
      <dd>{formatExactTime(model.startedAt + time / 1000)}</dd>
      {PHASES.map((phase) => (
        <div key={phase}>
          <dt>
            <span className={`${styles.swatch} ${styles[phase]}`} /> {PHASE_WORDS[phase]}
          </dt>
          <dd>{formatCount(counts[phase])}</dd>
        </div>
      ))}
    </dl>
  );
}

function Attempt({ model, row, latest, now }: { model: TimelineModel; row: number; latest: number; now: number }) {
  const { columns } = model;
  const attempts = attemptsOf(model, latest);
  const phases = phasesOf(columns, row, now);
  const state = stateOf(model, row);
  const step = model.steps[columns.step[row] ?? 0]?.name ?? "";
  return (
    <>
      <strong>
        <Untrusted text={step} />
        {columns.indexes[row] !== "" && <Untrusted text={` ${taskName(model, row)}`} />}
      </strong>
      <div>
        <StateMark state={state} /> {STATE_WORDS[state]} · task <Untrusted text={columns.task[row] ?? ""} />
        {attempts.length > 1 && ` · attempt ${columns.attempt[row] ?? 0}, ${attempts.length} in all`}
      </div>
      <dl className={styles.facts}>
        <dt>Started</dt>
        <dd>{formatExactTime(model.startedAt + phases.started / 1000)}</dd>
        <dt>Took</dt>
        <dd>
          {formatDuration((phases.end - phases.started) / 1000)} ({((phases.end - phases.started) / 1000).toFixed(3)} s)
        </dd>
        {phaseTexts(model, row, now).map(({ phase, text }) => (
          <div key={phase}>
            <dt>
              <span className={`${styles.swatch} ${styles[phase]}`} /> {PHASE_WORDS[phase]}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
