import type { CodeFile } from "@/api/schema";

/** A line of the list of files: a directory, or a file in the directory before it. */
export interface FileRow {
  kind: "directory" | "file";
  /** What is shown: a directory's whole path, a file's name. */
  name: string;
  path: string;
  size: number;
}

/** Files under their directories; those of the top first, as the script is there. */
export function fileRows(files: readonly CodeFile[]): FileRow[] {
  const directories = new Map<string, FileRow[]>();
  for (const file of files) {
    const cut = file.path.lastIndexOf("/");
    const directory = cut < 0 ? "" : file.path.slice(0, cut);
    const row: FileRow = { kind: "file", name: file.path.slice(cut + 1), path: file.path, size: file.size };
    directories.set(directory, [...(directories.get(directory) ?? []), row]);
  }
  return [...directories]
    .sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
    .flatMap(([directory, rows]) => [
      ...(directory === "" ? [] : [{ kind: "directory" as const, name: directory, path: directory, size: 0 }]),
      ...rows,
    ]);
}
