import { expect, test } from "vitest";
import { csv } from "./csv";

test("texts are quoted, numbers are numbers, and nothing is empty", () => {
  expect(csv([["a,b", 'say "x"', "two\nlines", -0.5, null, 3, -9007199254740993n]])).toBe(
    '\ufeff"a,b","say ""x""","two\nlines",-0.5,,3,-9007199254740993\r\n',
  );
});

test.each(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "\u0000=1"])("%j is no formula", (text) => {
  expect(csv([[text]])).toBe(`\ufeff"'${text}"\r\n`);
});
