import type { RunGraph } from "@/api/schema";
import { LOOK_PATHS } from "./drawings";
import styles from "./GraphView.module.css";
import { LOOK_WORDS, stepLook, type GraphLook, type StepLook } from "./states";

const ORDER: readonly StepLook[] = ["failed", "running", "done", "caught", "killed", "waiting", "skipped"];

/** The states that steps of this graph are in, with how many are. */
export function Legend({ look, graph }: { look: GraphLook; graph: RunGraph }) {
  const counts = new Map<StepLook, number>();
  for (const step of graph.steps) {
    const state = stepLook(look, step.name);
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return (
    <ul className={styles.legend} aria-label="States of the steps">
      {ORDER.filter((state) => counts.has(state)).map((state) => (
        <li key={state} className={styles[`look-${state}`]}>
          <svg className={styles.state} width={14} height={14} viewBox="0 0 16 16" aria-hidden="true">
            <path d={LOOK_PATHS[state]} />
          </svg>
          {counts.get(state)} {LOOK_WORDS[state].toLowerCase()}
        </li>
      ))}
    </ul>
  );
}
