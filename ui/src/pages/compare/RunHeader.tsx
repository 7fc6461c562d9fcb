import { Link } from "@tanstack/react-router";
import { useRef } from "react";
import type { ComparedRun } from "@/api/schema";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { StatusBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import { Untrusted } from "@/components/Untrusted";
import styles from "./CompareTable.module.css";
import type { RunKey } from "./search";
import { startDrag, useDropTarget } from "./dragging";

interface RunHeaderProps {
  run: ComparedRun;
  /** Its place; 0 is the baseline's. */
  column: number;
  last: number;
  left: number;
  width: number;
  /** Where it stays when the table is scrolled; null if it does not. */
  stickyLeft: number | null;
  onMove: (by: number) => void;
  onDrop: (dropped: RunKey) => void;
  onPin: () => void;
  onRemove: () => void;
}

/** The head of a run's column: what it is, and where it stands. It can be dragged. */
export function RunHeader({ run, column, last, left, width, stickyLeft, ...act }: RunHeaderProps) {
  const head = useRef<HTMLDivElement>(null);
  const isTarget = useDropTarget(head, act.onDrop);
  const key = { flow: run.flow, runId: run.run_id };
  const name = `${run.flow}/${run.run_id}`;
  const isBaseline = column === 0;
  const place = stickyLeft === null ? { left, width } : { left: stickyLeft, width };
  return (
    <div
      ref={head}
      role="columnheader"
      aria-colindex={column + 2}
      className={[styles.run, stickyLeft === null ? styles.placed : styles.pinned, isTarget ? styles.target : ""].join(
        " ",
      )}
      style={place}
    >
      <div className={styles.runTitle}>
        <Link
          to="/runs/$flow/$runId"
          params={{ flow: run.flow, runId: run.run_id }}
          title={isBaseline ? name : `${name}; drag it to another place`}
          draggable={!isBaseline}
          onDragStart={(event) => startDrag(event.dataTransfer, key)}
        >
          <Untrusted text={run.run_id} />
        </Link>
      </div>
      <div className={styles.runFacts}>
        {run.status === null ? <span>not found</span> : <StatusBadge status={run.status} />}
        <Untrusted text={run.flow} className={styles.flow} />
      </div>
      <div className={styles.runFacts}>
        <Time at={run.started_at} />
        {isBaseline && <span className={styles.baseline}>Baseline</span>}
        <span className={styles.runTools}>
          {!isBaseline && (
            <>
              <Button kind="quiet" className={styles.small} label={`Compare with ${name}`} onClick={act.onPin}>
                <Icon name="pin" size={12} />
              </Button>
              <Button
                kind="quiet"
                className={styles.small}
                label={`Move ${name} to the left`}
                disabled={column <= 1}
                onClick={() => act.onMove(-1)}
              >
                <Icon name="left" size={12} />
              </Button>
              <Button
                kind="quiet"
                className={styles.small}
                label={`Move ${name} to the right`}
                disabled={column >= last}
                onClick={() => act.onMove(1)}
              >
                <Icon name="right" size={12} />
              </Button>
            </>
          )}
          <Button kind="quiet" className={styles.small} label={`Remove ${name}`} onClick={act.onRemove}>
            <Icon name="close" size={12} />
          </Button>
        </span>
      </div>
    </div>
  );
}
