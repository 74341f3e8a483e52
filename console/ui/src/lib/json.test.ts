import { describe, expect, it } from "vitest";
import { formatJson, parseDamagedJson, parseJson, readNumber, stableJson } from "./json";

const big = [
  "9007199254740993",
  "-9007199254740993",
  "9223372036854775807",
  "-9223372036854775808",
  "18446744073709551615",
  "100000000000000000000000000000001",
];

describe("JSON without losing digits", () => {
  it.each(big)("reads and writes %s as it is", (n) => {
    const text = `{"a":${n},"list":[${n},1],"s":"${n}"}`;
    expect(parseJson(text)).toEqual({ a: BigInt(n), list: [BigInt(n), 1], s: n });
    expect(formatJson(parseJson(text))).toBe(text);
  });
  it("reads what fits as numbers", () => {
    for (const n of [
      "0",
      "-1",
      "9007199254740991",
      "1.5",
      "1e21",
      "12345678901234567.5",
      "0.12345678901234567890",
      "1234567890123456789e-2",
    ])
      expect(parseJson(n)).toBe(Number(n));
  });
  it("leaves texts alone, whatever they look like", () => {
    for (const s of [
      "9007199254740993",
      'a "9007199254740993" b',
      "\\9007199254740993",
      "\uE000int:12",
      "\uE000int:\uE000int:1",
    ]) {
      expect(parseJson(JSON.stringify({ s, n: 1 }))).toEqual({ s, n: 1 });
      expect(parseJson(formatJson({ s, n: 9007199254740993n }))).toEqual({ s, n: 9007199254740993n });
    }
  });
  it("is not misled by its own mark, written as it is or escaped", () => {
    expect(parseJson('["\\ue000int:12","\\uE000int:x",9007199254740993]')).toEqual([
      "\uE000int:12",
      "\uE000int:x",
      9007199254740993n,
    ]);
  });
  it("says the same of the same content", () => {
    expect(stableJson({ b: 1, a: { d: 9007199254740993n, c: [2] } })).toBe(
      '{"a":{"c":[2],"d":9007199254740993},"b":1}',
    );
    expect(stableJson({ a: undefined })).toBe("{}");
  });
  it("indents", () => {
    expect(formatJson({ id: 9007199254740993n }, 2)).toBe('{\n  "id": 9007199254740993\n}');
  });
  it("refuses what JSON refuses", () => {
    for (const s of ["", "{", "[1,]", "{a:1}", "0123456789012345678", "- 9007199254740993"])
      expect(() => parseJson(s)).toThrow();
  });
});

describe("numbers that are typed", () => {
  it.each([
    ["12", 12],
    [" 1.5 ", 1.5],
    ["9007199254740993", 9007199254740993n],
    ["-9007199254740993", -9007199254740993n],
    ["1e3", 1000],
    ["", null],
    ["12x", null],
    ["Infinity", null],
  ])("%s", (text, want) => expect(readNumber(text)).toBe(want));
});

describe("JSON that was cut off", () => {
  const whole = '{"steps":[{"event":"a","n":[1,2]},{"event":"b, {c"}],"window":"7d"}';
  it("keeps what is complete", () => {
    expect(parseDamagedJson(whole)).toEqual({ value: JSON.parse(whole), damaged: false });
    expect(parseDamagedJson(whole.slice(0, -1))).toEqual({ value: JSON.parse(whole), damaged: true });
    expect(parseDamagedJson(whole.slice(0, 45)).value).toEqual({ steps: [{ event: "a", n: [1, 2] }, {}] });
  });
  it("reads something or nothing of every beginning, and never throws", () => {
    for (let n = 0; n < whole.length; n++) {
      const { value, damaged } = parseDamagedJson(whole.slice(0, n));
      expect(damaged).toBe(true);
      if (n > 1) expect(value).toBeTypeOf("object");
    }
    expect(parseDamagedJson("[".repeat(100_000)).damaged).toBe(true);
  });
});
