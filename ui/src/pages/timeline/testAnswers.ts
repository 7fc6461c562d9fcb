import type { Timeline } from "@/api/schema";
import { STATES, type State } from "./model";

/** An attempt of an answer that a test makes up. */
export interface MadeAttempt {
  step?: number;
  task?: string;
  attempt?: number;
  state?: State;
  ready?: number | null;
  started?: number;
  codeStarted?: number | null;
  codeEnded?: number | null;
  finished?: number | null;
  index?: string;
  label?: string;
}

/** An answer of the server, for tests: one that ran from 0 to 1000 ms where nothing else is said. */
export function answerOf(steps: string[], attempts: MadeAttempt[]): Timeline {
  const of = <T>(value: (attempt: MadeAttempt, place: number) => T) => attempts.map(value);
  return {
    status: "done",
    started_at: 1_700_000_000,
    finished_at: 1_700_000_001,
    now: 1_700_000_002,
    cursor: "1700000002.0",
    changes_only: false,
    states: [...STATES],
    steps: steps.map((name) => ({
      name,
      type: "linear",
      expected: 1,
      tasks: 0,
      attempts: 0,
      states: {},
      median: null,
      p95: null,
      started: null,
      finished: null,
    })),
    attempts: {
      step: of(({ step }) => step ?? 0),
      task: of(({ task }, place) => task ?? String(place + 1)),
      attempt: of(({ attempt }) => attempt ?? 0),
      state: of(({ state }) => STATES.indexOf(state ?? "done")),
      ready: of(({ ready }) => (ready === undefined ? 0 : ready)),
      started: of(({ started }) => started ?? 0),
      code_started: of(({ codeStarted }) => codeStarted ?? null),
      code_ended: of(({ codeEnded }) => codeEnded ?? null),
      finished: of(({ finished }) => (finished === undefined ? 1000 : finished)),
      indexes: of(({ index }) => index ?? ""),
      label: of(({ label }) => label ?? ""),
    },
    counts: { all: attempts.length, running: 0, killed: 0 },
    most: 200_000,
    cut: false,
    notes: [],
  };
}
