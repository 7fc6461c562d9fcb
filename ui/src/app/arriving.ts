import type { ArrivingRuns } from "@/api/schema";
import { formatCount } from "@/format/numbers";

const WHILE_READING = 1_000;
const OTHERWISE = 15_000;

/** What is said of runs that come from other machines; null if there is nothing to say. */
export function arrivingText(arriving: ArrivingRuns | null | undefined): string | null {
  if (!arriving) return null;
  if (arriving.problem !== null) return "The datastore cannot be looked through";
  if (arriving.read === null || arriving.total === null) return null;
  return `Reading runs: ${formatCount(arriving.read)} of ${formatCount(arriving.total)}`;
}

/** After how many milliseconds it is asked for again; false for never. */
export function askAgainAfter(arriving: ArrivingRuns | null | undefined): number | false {
  if (!arriving) return false;
  return arriving.read === null ? OTHERWISE : WHILE_READING;
}
