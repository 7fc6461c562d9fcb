import { expect, it } from "vitest";
import { matching, merged } from "./metadata";

const field = (name: string, value: string) => ({ name, value, type: name, at: 0, attempt: 0, is_cut: false });
const fields = [field("ds-type", "s3"), field("script-name", "Train.py")];

it("finds fields by words of names and values", () => {
  expect(matching(fields, "")).toHaveLength(2);
  expect(matching(fields, " train  SCRIPT").map((each) => each.name)).toEqual(["script-name"]);
  expect(matching(fields, "s3 train")).toEqual([]);
});

it("shows what attempts have in common once", () => {
  const again = { ...field("ds-type", "s3"), attempt: 1 };
  const other = { ...field("attempt", "1"), attempt: 1 };
  const shown = merged([...fields, again, other]);
  expect(shown.map((each) => [each.name, each.attempts])).toEqual([
    ["ds-type", [0, 1]],
    ["script-name", [0]],
    ["attempt", [1]],
  ]);
});
