/** A line of a patch: of the old file, the new one, or both. */
export interface PatchLine {
  kind: "same" | "added" | "removed" | "place" | "note";
  text: string;
  before: number | null;
  after: number | null;
}

const PLACE = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/;

/** The lines of a unified patch of one file, numbered; its head, which names the file, is left out. */
export function patchLines(patch: string): PatchLine[] {
  const found: PatchLine[] = [];
  let before = 0;
  let after = 0;
  let isInside = false;
  const lines = patch.split("\n");
  if (lines.at(-1) === "") lines.pop();
  for (const line of lines) {
    const place = PLACE.exec(line);
    if (place !== null) {
      before = Number(place[1]);
      after = Number(place[2]);
      isInside = true;
      found.push({ kind: "place", text: line, before: null, after: null });
    } else if (!isInside) {
      if (line.startsWith("Binary files ")) found.push({ kind: "note", text: line, before: null, after: null });
    } else if (line.startsWith("+")) {
      found.push({ kind: "added", text: line.slice(1), before: null, after: after++ });
    } else if (line.startsWith("-")) {
      found.push({ kind: "removed", text: line.slice(1), before: before++, after: null });
    } else if (line.startsWith("\\")) {
      found.push({ kind: "note", text: line.slice(2), before: null, after: null });
    } else {
      found.push({ kind: "same", text: line.slice(1), before: before++, after: after++ });
    }
  }
  return found;
}
