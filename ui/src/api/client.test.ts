// @vitest-environment happy-dom
import { afterEach, expect, it, vi } from "vitest";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

async function asked(text: string, parseAs?: "json") {
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(text, { status: 200 })));
  const { api, body } = await import("./client");
  const query = { flow: "F", run_id: "1" };
  return body(await api.GET("/api/v1/run", { params: { query }, ...(parseAs === undefined ? {} : { parseAs }) }));
}

it("reads whole numbers as they are, unless those of JavaScript are wanted", async () => {
  const text = '{"seed":9007199254740993,"lr":0.1}';
  expect(await asked(text)).toEqual({ seed: 9007199254740993n, lr: 0.1 });
  expect(await asked(text, "json")).toEqual({ seed: 9007199254740992, lr: 0.1 });
});

it("takes an empty answer for an error", async () => {
  await expect(asked("")).rejects.toThrow("empty answer");
});
