import { Link } from "@tanstack/react-router";
import { Untrusted } from "@/components/Untrusted";

interface TaskLabelProps {
  flow: string;
  runId: string;
  task: { step: string; task_id: string; attempt: number; foreach: string };
  line?: number;
  className?: string | undefined;
  /** Leave out what is in the title. */
  isShort?: boolean;
  /** What is shown instead of the task's name. */
  text?: string;
}

/** Names a task of a run; leads to its log, or to a line of it. */
export function TaskLabel({ flow, runId, task, line, className, isShort = false, text }: TaskLabelProps) {
  return (
    <Link
      to="/runs/$flow/$runId/tasks/$step/$taskId"
      params={{ flow, runId, step: task.step, taskId: task.task_id }}
      search={{ tab: "logs", attempt: String(task.attempt), ...(line === undefined ? {} : { line: String(line) }) }}
      className={className}
      aria-label={text === undefined ? undefined : `Line ${text} of ${task.step}/${task.task_id}`}
      title={`${task.step}/${task.task_id}, attempt ${task.attempt}${task.foreach === "" ? "" : `, ${task.foreach}`}`}
    >
      <Untrusted text={text ?? `${task.step}/${task.task_id}`} />
      {text === undefined && !isShort && task.foreach !== "" && (
        <>
          {" "}
          <Untrusted text={task.foreach} />
        </>
      )}
      {text === undefined && !isShort && task.attempt > 0 && ` (attempt ${task.attempt})`}
    </Link>
  );
}
