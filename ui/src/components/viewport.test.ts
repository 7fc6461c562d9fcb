import { expect, test } from "vitest";
import { fitted, meet, moved, seen, showing, zoomed } from "./viewport";

const FRAME = { width: 800, height: 600 };

test("a drawing is fitted into its frame and centred, but not blown up", () => {
  const large = fitted({ width: 4000, height: 1000 }, FRAME);
  expect(4000 * large.scale).toBeLessThanOrEqual(800 - 32);
  expect(large.top).toBeCloseTo((600 - 1000 * large.scale) / 2);
  expect(fitted({ width: 100, height: 50 }, FRAME).scale).toBeLessThan(1.2);
});

test("what would be too small to be read begins at its beginning", () => {
  const view = fitted({ width: 400, height: 60_000 }, FRAME, 0.5);
  expect(view).toMatchObject({ scale: 0.5, top: 16 });
});

test("zooming keeps the point under the pointer, and has limits", () => {
  const before = { scale: 1, left: 30, top: -20 };
  const after = zoomed(before, 1.5, { x: 200, y: 100 });
  expect((200 - after.left) / after.scale).toBeCloseTo(200 - 30);
  expect((100 - after.top) / after.scale).toBeCloseTo(100 + 20);
  expect(zoomed(before, 1e6, { x: 0, y: 0 }).scale).toBe(2.5);
  expect(zoomed(before, 1e-6, { x: 0, y: 0 }).scale).toBe(0.05);
});

test("a drawing cannot be lost", () => {
  const drawing = { width: 500, height: 500 };
  for (const way of [1e6, -1e6]) {
    const view = moved({ scale: 1, left: 0, top: 0 }, way, way, drawing, FRAME);
    expect(meet({ x: view.left, y: view.top, ...drawing }, { x: 0, y: 0, ...FRAME })).toBe(true);
  }
});

test("a box is brought into sight, and one that is in sight moves nothing", () => {
  const view = { scale: 1, left: 0, top: 0 };
  const far = showing(view, { x: 2000, y: -300, width: 200, height: 60 }, FRAME);
  expect(2000 + far.left + 200).toBeLessThanOrEqual(800);
  expect(-300 + far.top).toBeGreaterThanOrEqual(0);
  expect(showing(view, { x: 300, y: 300, width: 200, height: 60 }, FRAME)).toEqual(view);
});

test("what is seen is told in the drawing's own measures", () => {
  expect(seen({ scale: 0.5, left: -100, top: 0 }, FRAME, 0)).toEqual({ x: 200, y: -0, width: 1600, height: 1200 });
});
