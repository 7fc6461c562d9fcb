import { Link } from "@tanstack/react-router";
import type { TaskFacts } from "@/api/schema";
import { Icon } from "@/components/Icon";
import { visible } from "@/format/untrusted";
import styles from "./SiblingLinks.module.css";
import { searchOfSibling, type TaskAddress } from "./address";

type Sibling = NonNullable<TaskFacts["siblings"]["previous"]>;

/** To the tasks for the elements before and behind this one's in their foreach; the view stays the same. */
export function SiblingLinks({ task, siblings }: { task: TaskAddress; siblings: TaskFacts["siblings"] }) {
  if (siblings.previous === null && siblings.next === null) return null;
  return (
    <nav aria-label="Neighbours in the foreach" className={styles.links}>
      <SiblingLink task={task} sibling={siblings.previous} word="Previous" shortcut="[" icon="left" />
      <SiblingLink task={task} sibling={siblings.next} word="Next" shortcut="]" icon="right" />
    </nav>
  );
}

interface SiblingLinkProps {
  task: TaskAddress;
  sibling: Sibling | null;
  word: string;
  shortcut: string;
  icon: "left" | "right";
}

function SiblingLink({ task, sibling, word, shortcut, icon }: SiblingLinkProps) {
  if (sibling === null) {
    return (
      <span className={styles.none} aria-hidden="true">
        <Icon name={icon} size={14} />
      </span>
    );
  }
  const label = `${word}: ${visible(sibling.value)} (${shortcut})`;
  return (
    <Link
      to="/runs/$flow/$runId/tasks/$step/$taskId"
      params={{ flow: task.flow, runId: task.runId, step: sibling.step, taskId: sibling.task_id }}
      search={searchOfSibling}
      className={styles.link}
      aria-label={label}
      title={label}
    >
      <Icon name={icon} size={14} />
    </Link>
  );
}
