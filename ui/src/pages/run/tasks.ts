import type { TaskRow } from "./queries";

type Task = TaskRow["task"];

/** What tells a task of a run from all others. */
export function taskKey(task: Task): string {
  return `${task.step}/${task.task_id}`;
}

/** Where a task is in the enclosing foreaches, outermost first: `a / 6`; the number where a value has no text. */
export function foreachOf(task: Task): string {
  return task.foreach_stack.map(([, value, index]) => (value === "" ? `#${index}` : String(value))).join(" / ");
}

/** What ended a task, in one line; empty if nothing went wrong. */
export function errorOf(task: Task): string {
  if (task.error === null) return "";
  const [type = "", message = ""] = task.error;
  const kind = type.slice(type.lastIndexOf(".") + 1);
  const first = message.trim().split("\n", 1)[0] ?? "";
  return first === "" ? kind : `${kind}: ${first}`;
}
