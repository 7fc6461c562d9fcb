import { expect, test } from "vitest";
import type { FlowHistory } from "@/api/schema";
import { fieldKey, historyRows, shownValue } from "./history";

const HISTORY: FlowHistory = {
  flow: "F",
  more: false,
  fields: [],
  runs: ["1", "2"].map((run_id) => ({ run_id, status: "done", user: "=u", tags: [], started_at: 0, duration: 2 })),
  series: [
    { kind: "artifact", name: "loss", values: [0.5, null], texts: ["0.5", "none"] },
    { kind: "duration", name: "", values: [2, null], texts: ["2", null] },
  ],
};

test("a file has numbers as they are, and what is no number as it stands", () => {
  expect(historyRows(HISTORY)).toEqual([
    ["run", "status", "user", "started", "artifact loss", "duration (s)"],
    ["F/2", "done", "=u", "1970-01-01T00:00:00.000Z", "none", null],
    ["F/1", "done", "=u", "1970-01-01T00:00:00.000Z", 0.5, 2],
  ]);
});

test("fields have one name in addresses, and their values have units", () => {
  expect(HISTORY.series.map(fieldKey)).toEqual(["artifact:loss", "duration"]);
  expect(HISTORY.series.map((series) => shownValue(series, 75.5))).toEqual(["75.5", "1 min 16 s"]);
});
