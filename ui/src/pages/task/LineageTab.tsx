import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { Lineage, LineageTask } from "@/api/schema";
import type { Search } from "@/app/search";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { ScrollRegion } from "@/components/ScrollRegion";
import { ErrorState, Skeleton } from "@/components/States";
import { StatusBadge } from "@/components/StatusBadge";
import { Untrusted } from "@/components/Untrusted";
import { formatCount } from "@/format/numbers";
import { visible } from "@/format/untrusted";
import styles from "./LineageTab.module.css";
import { countOf, type TaskAddress } from "./address";
import { layOut, NODE_HEIGHT, NODE_WIDTH, type PlacedTask } from "./lineageLayout";
import { lineageQuery } from "./queries";

const LEVELS = 2;
const MOST_LEVELS = 4;

/** The tasks that this one read from, and those that read from it, with what each of them made. */
export function LineageTab({ task, attempt }: { task: TaskAddress; attempt: number }) {
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const up = Math.min(countOf(search, "up") ?? LEVELS, MOST_LEVELS);
  const down = Math.min(countOf(search, "down") ?? LEVELS, MOST_LEVELS);
  const query = useQuery(lineageQuery(task, attempt, up, down));
  const change = (more: Search) =>
    void navigate({ to: ".", search: (before) => ({ ...before, ...more }), replace: true, resetScroll: false });
  if (query.isError && query.data === undefined) {
    return <ErrorState title="The lineage cannot be shown" error={query.error} onRetry={() => void query.refetch()} />;
  }
  if (query.data === undefined) return <Skeleton height="16rem" />;
  const { levels } = query.data;
  const first = levels[0]?.distance ?? 0;
  const last = levels.at(-1)?.distance ?? 0;
  return (
    <div className={styles.tab}>
      <div className={styles.tools}>
        <Button disabled={-first < up || up >= MOST_LEVELS} onClick={() => change({ up: String(up + 1) })}>
          <Icon name="left" size={14} /> Further back
        </Button>
        <Button disabled={last < down || down >= MOST_LEVELS} onClick={() => change({ down: String(down + 1) })}>
          Further on <Icon name="right" size={14} />
        </Button>
        <p className={styles.legend}>
          <span className={styles.made}>
            <Icon name="plus" size={12} /> made
          </span>
          <span className={styles.changed}>
            <Icon name="repeat" size={12} /> changed
          </span>
        </p>
      </div>
      <Picture task={task} lineage={query.data} />
    </div>
  );
}

function Picture({ task, lineage }: { task: TaskAddress; lineage: Lineage }) {
  const picture = layOut(lineage);
  return (
    <ScrollRegion label="Tasks before and behind this one" className={styles.scroll}>
      <div className={styles.picture} style={{ width: picture.width, height: picture.height }}>
        <svg width={picture.width} height={picture.height} className={styles.edges} aria-hidden="true">
          {picture.edges.map((edge) => (
            <path key={edge.key} d={edge.path} className={edge.isOwn ? styles.own : undefined} />
          ))}
        </svg>
        <ol>
          {picture.nodes.map((node) => (
            <Node key={`${node.task.step}/${node.task.task_id}`} task={task} node={node} />
          ))}
        </ol>
        {picture.notes.map((note) => (
          <p key={note.x} className={styles.note} style={{ left: note.x, top: note.y, width: NODE_WIDTH }}>
            {note.text}
          </p>
        ))}
      </div>
    </ScrollRegion>
  );
}

function Node({ task, node }: { task: TaskAddress; node: PlacedTask }) {
  const { task: other, distance, x, y } = node;
  const place = { left: x, top: y, width: NODE_WIDTH, height: NODE_HEIGHT };
  const inside = <NodeContent other={other} />;
  return (
    <li style={place} className={styles.place}>
      {distance === 0 ? (
        <div className={`${styles.node} ${styles.middle}`} aria-current="true">
          {inside}
        </div>
      ) : (
        <Link
          to="/runs/$flow/$runId/tasks/$step/$taskId"
          params={{ flow: task.flow, runId: task.runId, step: other.step, taskId: other.task_id }}
          search={{ tab: "lineage" }}
          className={styles.node}
        >
          {inside}
        </Link>
      )}
    </li>
  );
}

function NodeContent({ other }: { other: LineageTask }) {
  const isParameters = other.step === "_parameters";
  return (
    <>
      <span className={styles.head}>
        <span className={styles.name}>
          <Untrusted text={isParameters ? "Parameters" : other.step} />
          {!isParameters && (
            <span className={styles.id}>
              /<Untrusted text={other.task_id} />
            </span>
          )}
        </span>
        <StatusBadge status={other.status} compact />
      </span>
      {other.foreach_value !== null && (
        <span className={styles.value}>
          <Untrusted text={other.foreach_value} />
        </span>
      )}
      <Names icon="plus" word="Made" names={other.made} className={styles.made} />
      <Names icon="repeat" word="Changed" names={other.changed} className={styles.changed} />
      {other.passed_on > 0 && <span className={styles.value}>{formatCount(other.passed_on)} passed on</span>}
      {other.problem !== null && (
        <span className={styles.problem} title={visible(other.problem)}>
          <Icon name="warning" size={12} /> cannot be read
        </span>
      )}
    </>
  );
}

interface NamesProps {
  icon: "plus" | "repeat";
  word: string;
  names: readonly string[];
  className: string | undefined;
}

function Names({ icon, word, names, className }: NamesProps) {
  if (names.length === 0) return null;
  const text = names.join(", ");
  return (
    <span className={`${styles.names} ${className ?? ""}`} title={visible(`${word}: ${text}`)}>
      <Icon name={icon} size={10} />
      <span className="visually-hidden">{word}: </span>
      <Untrusted text={text} />
    </span>
  );
}
