import { api, body } from "@/api/client";
import { toast } from "@/components/Toasts";
import { plural } from "@/format/numbers";
import { plainText, terminalPieces } from "./ansi";
import type { LineRange } from "./lineRange";
import { logQuery, type TaskLogSource } from "./taskLogSource";

/** Most lines that are copied at a time; the log can be downloaded. */
const MOST_LINES = 10_000;
const PAGE = 1000;

/** Copy lines as they are read, also those that were never looked at. */
export async function copyLines(source: TaskLogSource, range: LineRange | null): Promise<void> {
  if (range === null) return;
  const last = Math.min(range.last, range.first + MOST_LINES - 1);
  try {
    const lines: string[] = [];
    // With all redraws shown, the place of a row is that of its line, in the log as a whole.
    for (let from = range.first - 1; from < last; from += PAGE) {
      const query = { ...logQuery(source.name), stream: "both" as const, redraws: true, from };
      const page = body(
        await api.GET("/api/v1/task/log", { params: { query: { ...query, limit: Math.min(PAGE, last - from) } } }),
      );
      const isWanted = (stream: string) => source.name.stream === "both" || stream === source.name.stream;
      for (const row of page.rows) if (isWanted(row.stream)) lines.push(plainText(terminalPieces(row.text)));
      if (page.rows.length === 0) break;
    }
    await navigator.clipboard.writeText(`${lines.join("\n")}\n`);
    toast(
      "done",
      last < range.last ? `The first ${plural(lines.length, "line")} copied` : `${plural(lines.length, "line")} copied`,
    );
  } catch (error) {
    toast("failed", `The lines were not copied: ${error instanceof Error ? error.message : String(error)}`);
  }
}
