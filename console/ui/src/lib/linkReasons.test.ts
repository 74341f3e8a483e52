import { expect, test } from "vitest";
import { readReason } from "./linkReasons";

test.each([
  ["limit of 1 device_id", { key: "limit", n: 1, kind: "device_id" }],
  ["limit of 3 device_id in 30 days", { key: "window", n: 3, kind: "device_id", days: 30 }],
  ["limit of 2000 identifiers", { key: "all", n: 2000 }],
  ["parted by an operator", { key: "apart" }],
  ["the value names nobody", { key: "blocked" }],
  ["something new", null],
])("%s", (text, want) => {
  expect(readReason(text)).toEqual(want);
});
