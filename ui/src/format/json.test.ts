import { describe, expect, it, test } from "vitest";
import { exactNumber, readJson, writeJson } from "./json";

describe("JSON", () => {
  test.each([
    ["9007199254740993", 9007199254740993n],
    ["-9007199254740993", -9007199254740993n],
    ["9007199254740991", 9007199254740991],
    ["[123456789012345678901234567890, 1]", [123456789012345678901234567890n, 1]],
    ['{"a":{"b":-9223372036854775808},"c":null}', { a: { b: -9223372036854775808n }, c: null }],
    ["[0.30000000000000004, 10000000000000000e-3]", [0.30000000000000004, 1e13]],
    ["[1e-1000000000000001, 1E+1000000000000001, 9007199254740993]", [0, Infinity, 9007199254740993n]],
    ["[1234567890123456789, 10000000000000000.0]", [1234567890123456789n, 1e16]],
    [
      '["9007199254740993", "a \\" 9007199254740993", "\\\\", 9007199254740993, "\\\\\\""]',
      ["9007199254740993", 'a " 9007199254740993', "\\", 9007199254740993n, '\\"'],
    ],
  ])("%s is read with whole numbers as they are", (text, expected) => {
    expect(readJson(text)).toEqual(expected);
  });

  it("keeps texts that hold numbers, quotes and backslashes", () => {
    const value = { '9007199254740993 "': ["1234567890123456789", '\\"', "integer-", 9007199254740993n] };
    expect(readJson(writeJson(value))).toEqual(value);
    expect(writeJson(value)).toBe(
      '{"9007199254740993 \\"":["1234567890123456789","\\\\\\"","integer-",9007199254740993]}',
    );
  });

  it("has inexact numbers with an exponent, so that nobody takes them for whole ones", () => {
    expect(writeJson([1e17, -1.2345678901234567e19, 1e21, 2 ** 53 - 1])).toBe(
      "[1e+17,-1.2345678901234567e+19,1e+21,9007199254740991]",
    );
    expect(readJson(writeJson([1e17, -2e19]))).toEqual([1e17, -2e19]);
  });

  it("is refused where it is none, long numbers or not", () => {
    for (const text of ["", "[1", "[9007199254740993", '"9007199254740993', "09007199254740993"])
      expect(() => readJson(text)).toThrow(SyntaxError);
  });
});

test.each([
  ["12", 12],
  [" +9007199254740993 ", 9007199254740993n],
  ["-9007199254740993", -9007199254740993n],
  ["9223372036854775807", 9223372036854775807n],
  ["-9223372036854775808", -9223372036854775808n],
  ["9223372036854775808", 9223372036854775808],
  ["-12345678901234567890", -1.2345678901234567e19],
  ["1e30", 1e30],
  ["0.5", 0.5],
])("%j is the number %s", (text, number) => {
  expect(exactNumber(text)).toBe(number);
});
