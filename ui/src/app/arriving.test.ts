import { describe, expect, it } from "vitest";
import { arrivingText, askAgainAfter } from "./arriving";

const quiet = { read: null, total: null, problem: null };

describe("runs that come from other machines", () => {
  it("says how far they are read, and asks often then", () => {
    const reading = { read: 1200, total: 10_000, problem: null };
    expect(arrivingText(reading)).toBe("Reading runs: 1,200 of 10,000");
    expect(askAgainAfter(reading)).toBeLessThan(2000);
  });
  it("says nothing when there are none, and asks seldom", () => {
    expect(arrivingText(quiet)).toBeNull();
    expect(askAgainAfter(quiet)).toBeGreaterThan(5000);
  });
  it("says that they cannot be looked for", () => {
    expect(arrivingText({ ...quiet, problem: "access denied" })).toContain("cannot be looked through");
  });
  it("never asks where nothing comes from elsewhere", () => {
    expect(arrivingText(null)).toBeNull();
    expect(askAgainAfter(null)).toBe(false);
  });
});
