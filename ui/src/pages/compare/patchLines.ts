export interface PatchLine {
  kind: "added" | "removed" | "place" | "kept";
  text: string;
}

const HEADER = /^(diff --git |new file mode |deleted file mode |--- |\+\+\+ )/;

/** Lines of a patch of one file, without those that only name it. */
export function patchLines(patch: string): PatchLine[] {
  const lines: PatchLine[] = [];
  let isInside = false;
  for (const text of patch.replace(/\n$/, "").split("\n")) {
    if (text.startsWith("@@")) isInside = true;
    // Inside of a part, a line of the file itself may look like a header.
    if (!isInside && HEADER.test(text)) continue;
    const kind = text.startsWith("@@")
      ? "place"
      : text.startsWith("+")
        ? "added"
        : text.startsWith("-")
          ? "removed"
          : "kept";
    lines.push({ kind, text });
  }
  return lines;
}
