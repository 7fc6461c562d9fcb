import { expect, it } from "vitest";
import {
  DEFAULT_COLUMNS,
  columnIdsOf,
  columnOf,
  columnOfOrder,
  columnsText,
  nextOrder,
  sortingOf,
  withColumns,
} from "./columns";

it("columns come from the address, else from the browser, else are the usual ones", () => {
  expect(columnIdsOf({ columns: "status,run,parameter:lr,gone,run" }, "flow")).toEqual([
    "status",
    "run",
    "parameter:lr",
  ]);
  expect(columnIdsOf({}, "flow")).toEqual(["flow"]);
  expect(columnIdsOf({}, null)).toEqual(DEFAULT_COLUMNS);
  expect(columnIdsOf({ columns: "gone,%E0" }, null)).toEqual(DEFAULT_COLUMNS);
});

it("names of values may hold anything", () => {
  const ids = ["run", "artifact:a,b", "parameter:100%", "artifact:x:y"];
  expect(columnIdsOf({ columns: columnsText(ids) }, null)).toEqual(ids);
  expect(columnOf("artifact:x:y")?.value).toEqual({ kind: "artifact", name: "x:y" });
});

it("what is filtered by stands before what is wide, once", () => {
  expect(withColumns(["status", "parameter:a", "tags"], ["parameter:a", "artifact:b", "artifact:b", ""])).toEqual([
    "status",
    "parameter:a",
    "artifact:b",
    "tags",
  ]);
  expect(withColumns(["run"], ["artifact:b"])).toEqual(["run", "artifact:b"]);
});

it("clicks on a head sort one way, the other way, and as before", () => {
  const duration = columnOf("duration");
  const started = columnOf("started");
  const run = columnOf("run");
  if (duration === null || started === null || run === null) throw new Error("columns are missing");
  expect(["", "-duration", "duration"].map((order) => nextOrder(duration, order))).toEqual([
    "-duration",
    "duration",
    "",
  ]);
  expect(["", "started_at", "flow"].map((order) => nextOrder(started, order))).toEqual([
    "started_at",
    "",
    "-started_at",
  ]);
  expect(nextOrder(run, "flow")).toBe("flow");
  expect([sortingOf(started, ""), sortingOf(duration, "duration"), sortingOf(run, "")]).toEqual([
    "descending",
    "ascending",
    "none",
  ]);
  expect([columnOfOrder("-artifact:loss"), columnOfOrder("-duration"), columnOfOrder("")]).toEqual([
    "artifact:loss",
    null,
    null,
  ]);
});
