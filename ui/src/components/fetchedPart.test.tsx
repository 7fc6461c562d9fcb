// @vitest-environment happy-dom
import { act, cleanup, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fetchedPart } from "./fetchedPart";

const reload = vi.fn();
const answer = vi.fn<() => Promise<{ ok: boolean }>>();

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", answer);
  vi.spyOn(window.location, "reload").mockImplementation(reload);
  sessionStorage.clear();
  reload.mockClear();
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

async function pass(milliseconds: number): Promise<void> {
  await act(() => vi.advanceTimersByTimeAsync(milliseconds));
}

const failing = () => fetchedPart<object>(() => Promise.reject(new Error("away")));

describe("a part of the app that is fetched", () => {
  it("is shown with what it is given, at once if it was fetched before", async () => {
    const load = vi.fn(() => Promise.resolve(({ word }: { word: string }) => <p>{word}</p>));
    const Part = fetchedPart(load);
    await Part.preload();
    render(<Part word="hello" />);
    expect(screen.getByText("hello")).toBeDefined();
    cleanup();
    render(<Part word="again" />);
    expect(screen.getByText("again")).toBeDefined();
    await pass(0);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it("loads the page anew when the server is back, and not before", async () => {
    answer.mockRejectedValue(new TypeError("no network"));
    const Part = failing();
    render(<Part />);
    await pass(5_000);
    expect(screen.getByText(/does not answer/)).toBeDefined();
    expect(Part.hasFailed()).toBe(true);
    expect(reload).not.toHaveBeenCalled();
    answer.mockResolvedValue({ ok: true });
    await pass(1_000);
    expect(reload).toHaveBeenCalledTimes(1);
  });

  it("loads nothing anew once something else is shown", async () => {
    answer.mockResolvedValue({ ok: true });
    const Part = failing();
    render(<Part />);
    await pass(100);
    cleanup();
    await pass(5_000);
    expect(reload).not.toHaveBeenCalled();
  });

  it("is not asked for for ever if the server does not have it", async () => {
    answer.mockResolvedValue({ ok: true });
    sessionStorage.setItem("metaflow-loaded-anew", String(Date.now()));
    const Part = failing();
    render(<Part />);
    await pass(5_000);
    expect(screen.getByText("The server does not have it.")).toBeDefined();
    expect(reload).not.toHaveBeenCalled();
  });
});
