import { describe, expect, it } from "vitest";
import { complete, definitionOf, newDraft, typedValue } from "./draft";

describe("a tag's form", () => {
  it("reads values as people mean them", () => {
    expect(["gold", " 12 ", "1.5", "true", "007", "1e3", "-2", ""].map(typedValue)).toEqual([
      "gold",
      12,
      1.5,
      true,
      7,
      "1e3",
      -2,
      "",
    ]);
  });
  it("says only what belongs to its kind", () => {
    const d = { ...newDraft(), name: "Tier", key: "tier", maxAge: 30, expires: 5 };
    expect(complete(d)).toBe(false);
    const ruled = { ...d, rules: [{ id: 1, value: "gold", segment: "seg_1" }] };
    expect(complete(ruled)).toBe(true);
    expect(definitionOf(ruled)).toEqual({
      max_age_minutes: 30,
      rules: [{ value: "gold", rule: { segment: "seg_1" } }],
    });
    expect(definitionOf({ ...d, kind: "model" })).toEqual({ max_age_minutes: 30, expires_hours: 5 });
    expect(complete({ ...d, kind: "interest" })).toBe(false);
    expect(complete({ ...d, key: "Tier", kind: "manual" })).toBe(false);
  });
});
