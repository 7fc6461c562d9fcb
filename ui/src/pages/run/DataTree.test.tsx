import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import { DataTree } from "./DataTree";

/** What is on the page before anybody has opened anything. */
function made(data: unknown): string {
  return renderToStaticMarkup(<DataTree data={data} />);
}

test("what is closed is on the page, for a search to find", () => {
  const page = made({ deep: { numbers: Array.from({ length: 100 }, (_, index) => index) } });
  expect(page).toContain("100 values");
  expect(page).toContain(">99<");
  expect(page).not.toContain("open");
});

test("of very much, what is closed is not on the page", () => {
  const page = made(Array.from({ length: 3_000 }, () => [{ a: 1 }]));
  expect(page).toContain("3,000 values");
  expect(page.length).toBeLessThan(1_000);
});
