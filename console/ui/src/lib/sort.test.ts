import { expect, it } from "vitest";
import { compareValues, parseSort, sortParam } from "./sort";

it("reads and writes the address's form", () => {
  expect(parseSort("-count")).toEqual({ key: "count", descending: true });
  expect(parseSort("name")).toEqual({ key: "name", descending: false });
  expect(parseSort(undefined)).toBeNull();
  expect(sortParam("count", true)).toBe("-count");
});

it("compares", () => {
  const sort = (xs: unknown[]) => [...xs].sort((a, b) => compareValues(a, b, "zh-CN"));
  expect(sort([10, 9, null, 1_000_000_000, 0])).toEqual([null, 0, 9, 10, 1_000_000_000]);
  expect(sort(["item 10", "item 9"])).toEqual(["item 9", "item 10"]);
  expect(sort(["上海", "北京", "广州"])).toEqual(["北京", "广州", "上海"]);
});
