import { describe, expect, it } from "vitest";
import { parseSearch, stringifySearch } from "@/app/search";
import {
  codePlaceOf,
  searchOfCodePlace,
  searchOfSelection,
  searchOfTaskFilter,
  selectionOf,
  taskFilterOf,
  viewOf,
  type TaskFilter,
} from "./search";

const there = (search: Record<string, unknown>) => parseSearch(stringifySearch(search));

describe("the address of a run's page", () => {
  it("names the view; what is no view is the overview", () => {
    expect(viewOf({ view: "tasks" })).toBe("tasks");
    expect(viewOf({ view: "<script>" })).toBe("overview");
    expect(viewOf({})).toBe("overview");
  });

  it("holds what is selected, whatever it is called", () => {
    const selection = { step: "a&b=c/ü", taskId: "7?", attempt: 2 };
    expect(selectionOf(there(searchOfSelection(selection)))).toEqual(selection);
    expect(selectionOf(there(searchOfSelection(null)))).toBeNull();
    expect(selectionOf({ step: "a", attempt: "-1" })).toEqual({ step: "a", taskId: undefined, attempt: undefined });
  });

  it("holds the filter of the table", () => {
    const filter: TaskFilter = {
      steps: ["fit", "end"],
      statuses: ["failed", "running"],
      text: "50%&",
      order: "duration",
      descending: true,
    };
    expect(taskFilterOf(there(searchOfTaskFilter(filter)))).toEqual(filter);
    const plain = taskFilterOf({});
    expect(plain).toEqual({ steps: [], statuses: [], text: "", order: "started_at", descending: false });
    expect(stringifySearch(searchOfTaskFilter(plain))).toBe("");
    expect(taskFilterOf({ sort: "-nonsense", status: "wrong" })).toEqual(plain);
  });

  it("holds the place in the code", () => {
    const place = { file: "a/b c.py", line: 12, against: "commit" };
    expect(codePlaceOf(there(searchOfCodePlace(place)))).toEqual(place);
    expect(codePlaceOf({ line: "1e9" }).line).toBeUndefined();
  });
});
