import { describe, expect, it } from "vitest";
import { complete, definitionOf, draftOf, newDraft, textOfValue, typedValue } from "./draft";
import type { Tag, TagDefinition } from "./queries";

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
  it("gives a definition back as it was", () => {
    const all: [Tag["kind"], TagDefinition][] = [
      ["rule", { max_age_minutes: 5, rules: [{ value: 12, rule: { segment: "seg_1" } }] }],
      [
        "rule", // the picker cannot say this: it stays
        { rules: [{ value: "gold", rule: { event: "Paid", count: { value: 3 } } }] },
      ],
      ["sql", { sql: "select 1", every_minutes: 0, events: ["Paid"], expires_hours: 2 }],
      [
        "interest",
        {
          interest: {
            taxonomy: "tax_1",
            level: 0,
            top: 3,
            least: 0.5,
            half_life_hours: 36,
            events: [{ event: "Seen", property: "model", weight: 2 }],
          },
        },
      ],
      ["manual", { max_age_minutes: 9, expires_hours: 24 }],
    ];
    for (const [kind, definition] of all) {
      const tag = { name: "N", key: "k", kind, folder: "", owner: "", description: "" } as Tag;
      const draft = draftOf(tag, definition);
      expect(definitionOf(draft)).toEqual(definition);
      expect(complete(draft)).toBe(true);
    }
  });
  it("shows a value as one types it", () => {
    for (const value of ["gold", 12, true]) expect(typedValue(textOfValue(value))).toBe(value);
  });
});
