import { afterEach, expect, test, vi } from "vitest";
import { present, setClock } from "./clock";

afterEach(() => vi.useRealTimers());

const at = (seconds: number) => new Date(seconds * 1000).toUTCString();

test("the clock goes by the server's, but not for a second, nor for a header that says nothing", () => {
  vi.useFakeTimers({ now: 1_800_000_000_000 });
  setClock(at(1_800_000_001));
  expect(present()).toBe(1_800_000_000);
  setClock(at(1_800_000_300));
  expect(present()).toBe(1_800_000_300);
  setClock(null);
  setClock(at(1_800_000_302));
  expect(present()).toBe(1_800_000_300);
  setClock(at(1_800_000_000));
  expect(present()).toBe(1_800_000_000);
});
