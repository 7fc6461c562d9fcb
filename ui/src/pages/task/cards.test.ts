import { describe, expect, it } from "vitest";
import { cardLabels, updateOf } from "./cards";

const card = (hash: string, type: string, id: string | null) => ({
  hash,
  type,
  id,
  size: 1,
  modified_at: 0,
  version: "1",
  is_live: false,
  from_task: null,
});

describe("cards", () => {
  it("have names that differ", () => {
    const labels = cardLabels([card("a", "default", null), card("b", "blank", "live"), card("c", "default", null)]);
    expect([...labels.values()]).toEqual(["default", "live", "default 2"]);
  });

  it("are told what has changed, and when nothing more comes", () => {
    const data = { render_seq: 3, components: {} };
    expect(updateOf(data, false)?.data.render_seq).toBe(3);
    expect(updateOf(data, true)?.data.render_seq).toBe("final");
    expect(updateOf({ render_seq: "final" }, true)).toBeNull();
    expect(updateOf(null, false)).toBeNull();
  });
});
