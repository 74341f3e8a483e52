import { expect, it } from "vitest";
import { convertValue, fieldKey, fieldOfKey, mainType, opsFor, readValue } from "./fields";

it("reads values as the type that is expected", () => {
  expect(readValue("12", "number", "eq")).toBe(12);
  expect(readValue("12", "string", "eq")).toBe("12");
  expect(readValue("12", "unknown", "gte")).toBe(12);
  expect(readValue("2026-01-31", "unknown", "gte")).toBe("2026-01-31");
  expect(readValue("true", "boolean", "eq")).toBe(true);
  expect(readValue("12", "number", "contains")).toBe("12");
  expect(readValue("", "number", "eq")).toBe("");
  expect(readValue("-", "number", "eq")).toBe("-");
});

it("keeps of a value what fits the next operator", () => {
  expect(convertValue("a", "eq", "in")).toEqual(["a"]);
  expect(convertValue(undefined, "eq", "in")).toEqual([]);
  expect(convertValue(["a", "b"], "in", "neq")).toBe("a");
  expect(convertValue("a", "eq", "exists")).toBeUndefined();
  expect(convertValue(5, "eq", "contains")).toBe("5");
  expect(convertValue("a", "eq", "ago_gt")).toBe("30d");
  expect(convertValue("9d", "ago_gt", "ahead_lt")).toBe("9d");
  expect(convertValue("9d", "ago_gt", "eq")).toBeUndefined();
  expect(convertValue(3, "anniversary", "in")).toEqual([]);
});

it("offers operators by type, and never hides the one in use", () => {
  expect(opsFor("boolean")).toEqual(["eq", "neq", "exists", "not_exists"]);
  expect(opsFor("boolean", "gte")).toContain("gte");
  expect(opsFor("string", undefined, true)).toContain("ahead_lt");
  expect(opsFor("string")).not.toContain("ahead_lt");
});

it("keys of fields are read back", () => {
  for (const f of [{ property: "c:x" }, { context: "page.path" }, { dimension: "city" }])
    expect(fieldOfKey(fieldKey(f))).toEqual(f);
});

it("takes the most frequent type", () => {
  expect(mainType({ string: 3, number: 90 })).toBe("number");
  expect(mainType({ object: 3 })).toBe("unknown");
  expect(mainType({})).toBe("unknown");
});
