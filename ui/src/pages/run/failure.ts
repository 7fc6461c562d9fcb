import type { FailedTask, RunFailure } from "@/api/schema";

interface Explanation {
  title: string;
  advice: string;
}

/** What kind of thing ended the run, and what that means for who looks at it. */
export const CAUSES: Readonly<Record<NonNullable<RunFailure["cause"]>, Explanation>> = {
  user_code: { title: "Error in the flow's code", advice: "Mend the code, then resume: what was finished is kept." },
  out_of_memory: {
    title: "Out of memory",
    advice: "Let the step use less, run fewer tasks at a time, or ask for more with @resources(memory=…).",
  },
  timeout: {
    title: "Took too long",
    advice: "Allow the step more time with @timeout, or find out what it waited for.",
  },
  infrastructure: {
    title: "Failure of the infrastructure",
    advice: "The code was probably not at fault. Once the cause is gone, resume: what was finished is kept.",
  },
  lost: {
    title: "The process was lost",
    advice: "It ended without a word, such as when its machine went down or somebody killed it. Resume to go on.",
  },
  stopped: { title: "Stopped", advice: "Somebody, or a signal, stopped it. Resume to go on from there." },
};

/** The last line of an error, which says what went wrong: `ValueError: bad shard`. */
export function errorTitle(task: FailedTask): string {
  const first = (task.error_message ?? "").trim().split("\n", 1)[0] ?? "";
  const kind = task.error_type === null ? "" : shortType(task.error_type);
  if (kind === "") return first === "" ? "It ended without a result" : first;
  return first === "" ? kind : `${kind}: ${first}`;
}

/** What a failure is called: of tasks that were killed with their run, what happened to the run. */
export function failureTitle({ task, message }: RunFailure): string {
  if (task !== null && task.status !== "killed") return errorTitle(task);
  const words = (message ?? "").trim();
  if (words !== "") return words.charAt(0).toUpperCase() + words.slice(1);
  return task === null ? "The run failed" : errorTitle(task);
}

/** An error's type without our own package, and without its modules: the whole one is in the traceback. */
function shortType(type: string): string {
  return type.slice(type.lastIndexOf(".") + 1);
}

/** Where in the foreaches a task is: `items = 6, fold = a`. */
export function placeOf(foreach: FailedTask["foreach"]): string {
  return foreach
    .map((place) => `${place.variable} = ${place.value === "" ? `#${place.index}` : place.value}`)
    .join(", ");
}
