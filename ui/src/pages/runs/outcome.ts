const FAILED_STEP = /^Step (.+) \(task-id [^)]*\) failed: (.+)$/s;

/** Why a run ended as it did, with what tells runs apart first: the step, and its error. */
export function shortOutcome(message: string): string {
  const [, step, error] = FAILED_STEP.exec(message) ?? [];
  return step === undefined || error === undefined ? message : `${step}: ${error}`;
}
