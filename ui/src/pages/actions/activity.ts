import type { ActionEntry } from "@/api/schema";
import type { IconName } from "@/components/Icon";
import { formatBytes, plural } from "@/format/numbers";

/** How what was done is told. */
export const ACTIONS: Record<ActionEntry["action"], { word: string; past: string; wish: string; icon: IconName }> = {
  tag: { word: "tags", past: "Changed tags of", wish: "Change tags of", icon: "tag" },
  pin: { word: "pinning", past: "Pinned", wish: "Pin", icon: "pin" },
  unpin: { word: "unpinning", past: "Unpinned", wish: "Unpin", icon: "pin" },
  cancel: { word: "cancelling", past: "Cancelled", wish: "Cancel", icon: "stopped" },
  delete: { word: "deleting", past: "Deleted", wish: "Delete", icon: "trash" },
  start: { word: "starting", past: "Started", wish: "Start", icon: "play" },
  resume: { word: "resuming", past: "Resumed", wish: "Resume", icon: "repeat" },
};

export const OUTCOMES: Record<ActionEntry["outcome"], { word: string; icon: IconName }> = {
  begun: { word: "Not known to have ended", icon: "waiting" },
  done: { word: "Done", icon: "done" },
  failed: { word: "Failed", icon: "failed" },
  refused: { word: "Refused", icon: "close" },
};

/** The action that an address names; undefined if there is none of that name. */
export function actionOf(name: string | undefined): ActionEntry["action"] | undefined {
  return name !== undefined && Object.hasOwn(ACTIONS, name) ? (name as ActionEntry["action"]) : undefined;
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === "string") : [];
}

/** What was done, or only wanted if it was not; to how many runs, unless it is one, whose name follows. */
export function sentence(entry: ActionEntry): string {
  const { past, wish } = ACTIONS[entry.action];
  const deed = entry.outcome === "done" ? past : wish;
  if (entry.run_count === 0) return `${deed} a run`;
  return entry.run_count === 1 ? deed : `${deed} ${plural(entry.run_count, "run")}`;
}

/** What else is to be known of it, in a line; null if there is nothing. */
export function detailsOf(entry: ActionEntry): string | null {
  const { details } = entry;
  const parts: string[] = [];
  if (entry.action === "tag") {
    parts.push(...texts(details.added).map((tag) => `+${tag}`), ...texts(details.removed).map((tag) => `−${tag}`));
  }
  if (typeof details.origin === "string") parts.push(`of ${details.origin}`);
  if (typeof details.command === "string") parts.push(details.command);
  else if (typeof details.file === "string") parts.push(details.file);
  if (typeof details.bytes === "number") parts.push(`${formatBytes(details.bytes)} freed`);
  return parts.length === 0 ? null : parts.join("  ");
}
