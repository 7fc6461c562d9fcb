import { expect, it } from "vitest";
import { fileRows } from "./files";

it("puts files under their directories, those of the top first", () => {
  const rows = fileRows(["lib/a.py", "flow.py", "lib/deep/b.py", "lib/z.py"].map((path) => ({ path, size: 1 })));
  expect(rows.map((row) => `${row.kind} ${row.name}`)).toEqual([
    "file flow.py",
    "directory lib",
    "file a.py",
    "file z.py",
    "directory lib/deep",
    "file b.py",
  ]);
});
