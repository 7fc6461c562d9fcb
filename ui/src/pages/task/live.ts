import type { LiveEvent } from "@/api/events";

/** Whether an event changes what is to be shown of a task: it is about the task, or about the end of its run. */
export function isAbout(event: LiveEvent, step: string, taskId: string): boolean {
  if (event.kind === "run_ended" || event.kind === "run_forgotten") return true;
  const task = event.data.task;
  if (typeof task !== "object" || task === null) return false;
  return "step" in task && task.step === step && "task_id" in task && task.task_id === taskId;
}
