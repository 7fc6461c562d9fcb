import { Link } from "@tanstack/react-router";
import type { RunRow } from "@/api/schema";
import { StatusBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import { Untrusted } from "@/components/Untrusted";
import { Cell, Length, hasOutcome } from "./cells";
import { columnOf } from "./columns";
import { keyOf } from "./queries";
import styles from "./RunCard.module.css";
import { Checkbox } from "./RunTable";
import type { Selection } from "./useSelection";

const OUTCOME = columnOf("outcome");
const TAGS = columnOf("tags");

const NAME_PIXELS = 45;
const LINE_PIXELS = 20;

/** How high the card of a run is: a line for what there is. */
export function cardHeight(run: RunRow): number {
  return NAME_PIXELS + LINE_PIXELS * (1 + Number(hasOutcome(run)) + Number(run.tags.length > 0));
}

/** A run on a narrow screen. */
export function RunCard({ run, selection }: { run: RunRow; selection: Selection }) {
  return (
    <li className={`${styles.card} ${selection.keys.has(keyOf(run)) ? styles.selected : ""}`}>
      <div className={styles.line}>
        <Checkbox run={run} selection={selection} />
        <Link to="/runs/$flow/$runId" params={{ flow: run.flow, runId: run.run_id }} className={styles.name}>
          <Untrusted text={run.flow} />
          <span className={styles.id}>
            /<Untrusted text={run.run_id} />
          </span>
        </Link>
        <StatusBadge status={run.status} />
      </div>
      <div className={styles.facts}>
        <Untrusted text={run.user} />
        <Time at={run.started_at} />
        <Length run={run} />
      </div>
      {OUTCOME !== null && hasOutcome(run) && (
        <div className={styles.facts}>
          <Cell run={run} column={OUTCOME} />
        </div>
      )}
      {TAGS !== null && run.tags.length > 0 && (
        <div className={styles.facts}>
          <Cell run={run} column={TAGS} />
        </div>
      )}
    </li>
  );
}
