import { formatCount } from "@/format/numbers";
import { PHASE_HINTS, PHASE_WORDS, STATE_HINTS, STATE_WORDS } from "./describe";
import { PHASES, STATES, stateOf, type State, type TimelineModel } from "./model";
import { withToggled, type Options } from "./search";
import { StateMark } from "./StateMark";
import styles from "./Timeline.module.css";

interface LegendProps {
  model: TimelineModel;
  options: Options;
  onChange: (change: Partial<Options>) => void;
}

/** What shapes and colours mean; each can be left out. */
export function Legend({ model, options, onChange }: LegendProps) {
  const counts = countsOf(model);
  return (
    <div className={styles.legend}>
      <div role="group" aria-label="States of tasks that are shown" className={styles.keysOf}>
        {STATES.filter((state) => counts.has(state) || options.hiddenStates.has(state)).map((state) => (
          <button
            key={state}
            type="button"
            className={styles.key}
            aria-pressed={!options.hiddenStates.has(state)}
            title={STATE_HINTS[state]}
            onClick={() => onChange({ hiddenStates: withToggled(options.hiddenStates, state) })}
          >
            <StateMark state={state} />
            {STATE_WORDS[state]}
            <span className={styles.count}>{formatCount(counts.get(state) ?? 0)}</span>
          </button>
        ))}
      </div>
      <div role="group" aria-label="Phases of attempts that are drawn" className={styles.keysOf}>
        {PHASES.map((phase) => (
          <button
            key={phase}
            type="button"
            className={styles.key}
            aria-pressed={!options.hiddenPhases.has(phase)}
            title={PHASE_HINTS[phase]}
            onClick={() => onChange({ hiddenPhases: withToggled(options.hiddenPhases, phase) })}
          >
            <span className={`${styles.swatch} ${styles[phase]}`} aria-hidden="true" />
            {PHASE_WORDS[phase]}
          </button>
        ))}
      </div>
    </div>
  );
}

function countsOf(model: TimelineModel): Map<State, number> {
  const counts = new Map<State, number>();
  for (const tasks of model.tasks) {
    for (const row of tasks) counts.set(stateOf(model, row), (counts.get(stateOf(model, row)) ?? 0) + 1);
  }
  return counts;
}
