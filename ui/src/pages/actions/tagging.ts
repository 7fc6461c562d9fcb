import { api, body } from "@/api/client";
import { queryClient, runQuery } from "@/api/queries";
import type { ChangedTags, RunWithOutcome, TagsChange } from "@/api/schema";
import { toast } from "@/components/Toasts";
import { plural } from "@/format/numbers";
import { messageOf, refresh } from "./operation";
import type { RunReference } from "./RunActions";

/** What makes a run pinned; the server says the same in `known-tags`. */
export const PIN = "pinned";

/** The tags that people gave a run. */
export function tagsOf(record: RunWithOutcome | undefined): string[] {
  // What has its default is left out of answers.
  return record?.tags ?? [];
}

/** The tags that the system gave it. */
export function systemTagsOf(record: RunWithOutcome | undefined): string[] {
  return record?.system_tags ?? [];
}

/** The tags after a change, as they are shown before the server has answered. */
export function changed(tags: readonly string[], add: readonly string[], remove: readonly string[]): string[] {
  const gone = new Set(remove.filter((tag) => !add.includes(tag)));
  return [...new Set([...tags, ...add])].filter((tag) => !gone.has(tag)).sort();
}

/** What takes a change back: the same change of tags for all runs that were changed alike. */
export function inverses(changes: readonly ChangedTags[]): { runs: RunReference[]; add: string[]; remove: string[] }[] {
  const found = new Map<string, { runs: RunReference[]; add: string[]; remove: string[] }>();
  for (const { flow, run_id: runId, added, removed } of changes) {
    if (added.length === 0 && removed.length === 0) continue;
    const key = JSON.stringify([added, removed]);
    const same = found.get(key) ?? { runs: [], add: removed, remove: added };
    same.runs.push({ flow, runId });
    found.set(key, same);
  }
  return [...found.values()];
}

function names(runs: readonly RunReference[]) {
  return runs.map(({ flow, runId }) => ({ flow, run_id: runId }));
}

/** Show a change at once; gives a function that shows what was before. */
function showAtOnce(runs: readonly RunReference[], add: readonly string[], remove: readonly string[]): () => void {
  const before = runs.map(({ flow, runId }) => {
    const key = runQuery(flow, runId).queryKey;
    const known = queryClient.getQueryData(key);
    if (known !== undefined) queryClient.setQueryData(key, { ...known, tags: changed(tagsOf(known), add, remove) });
    return [key, known] as const;
  });
  return () => {
    for (const [key, known] of before) if (known !== undefined) queryClient.setQueryData(key, known);
  };
}

async function apply(
  runs: readonly RunReference[],
  add: readonly string[],
  remove: readonly string[],
  ask: () => Promise<{ data?: TagsChange }>,
): Promise<TagsChange | null> {
  const takeBack = showAtOnce(runs, add, remove);
  try {
    const answer = body(await ask());
    if (answer.runs.some((run) => run.problem !== null)) {
      takeBack();
      toast("failed", answer.message);
    }
    return answer;
  } catch (error) {
    takeBack();
    toast("failed", messageOf(error));
    return null;
  } finally {
    refresh({ action: "tag", runs: names(runs) });
  }
}

function tellWithUndo(text: string, changes: readonly ChangedTags[]): void {
  const back = inverses(changes);
  const undo = () => {
    for (const { runs, add, remove } of back) {
      void apply(runs, add, remove, () =>
        api.POST("/api/v1/actions/tags", { body: { runs: names(runs), add, remove } }),
      );
    }
  };
  toast("done", text, back.length === 0 ? undefined : { label: "Undo", run: undo });
}

/** Add tags to runs and remove some: shown at once, told with a way back. */
export async function changeTags(
  runs: readonly RunReference[],
  add: readonly string[],
  remove: readonly string[],
): Promise<void> {
  const answer = await apply(runs, add, remove, () =>
    api.POST("/api/v1/actions/tags", { body: { runs: names(runs), add: [...add], remove: [...remove] } }),
  );
  if (answer === null || answer.runs.every((run) => run.problem !== null)) return;
  const note = answer.runs.find((run) => run.note !== null)?.note;
  tellWithUndo(`Tags of ${plural(runs.length, "run")} changed.${note ? ` ${note}` : ""}`, answer.runs);
}

/** Pin runs, so that no clean-up takes them, or let them go. */
export async function setPinned(runs: readonly RunReference[], pinned: boolean): Promise<void> {
  const [add, remove] = pinned ? [[PIN], []] : [[], [PIN]];
  const answer = await apply(runs, add, remove, () =>
    api.POST("/api/v1/actions/pin", { body: { runs: names(runs), pinned } }),
  );
  if (answer === null || answer.runs.every((run) => run.problem !== null)) return;
  const what = runs.length === 1 ? "The run" : plural(runs.length, "run");
  const verb = runs.length === 1 ? "is" : "are";
  tellWithUndo(
    pinned
      ? `${what} ${verb} pinned: no clean-up takes ${runs.length === 1 ? "it" : "them"}.`
      : `${what} ${verb} not pinned any more.`,
    answer.runs,
  );
}
