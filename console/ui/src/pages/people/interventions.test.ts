import { describe, expect, it } from "vitest";
import type { Person } from "@/api/types";
import { movesOf, overLimits, readTrait, traitsOfTwo, typeOfTrait, whoStays } from "./interventions";

const id = (kind: string, value: string, events = 1) =>
  ({ kind, value, events }) as Person["identifiers"][number];
const person = (traits: Record<string, [unknown, string]>, ...identifiers: Person["identifiers"]) =>
  ({
    identifiers,
    traits: Object.fromEntries(Object.entries(traits).map(([k, v]) => [k, v[0]])),
    trait_meta: Object.fromEntries(
      Object.entries(traits).map(([k, v]) => [k, { updated_at: v[1], source: "s" }]),
    ),
  }) as unknown as Person;

describe("interventions", () => {
  it("says which segments somebody stays in, enters and leaves", () => {
    const seg = (s: string) => ({ id: s, name: s });
    const before = [{ id: "p_1", segments: [seg("buyers"), seg("vip")], unsure: [] }];
    const of = (id: string, ...segments: string[]) => ({ id, segments: segments.map(seg), unsure: [] });
    const how = (after: ReturnType<typeof of>) => movesOf(after, before).map((m) => `${m.how} ${m.id}`);
    expect(how(of("p_1", "buyers", "new"))).toEqual(["leaves vip", "enters new", "stays buyers"]);
    // Who comes out of somebody is in nothing yet.
    expect(how(of("p_2", "buyers"))).toEqual(["enters buyers"]);
    expect(movesOf({ ...of("p_1"), unsure: [seg("vip")] }, before).map((m) => m.id)).toEqual(["buyers"]);
  });
  it("lets one of two who become one stay in what either was in", () => {
    const two = [
      { id: "p_1", segments: [], unsure: [] },
      { id: "p_2", segments: [{ id: "vip", name: "VIP" }], unsure: [] },
    ];
    expect(movesOf({ id: "p_1", segments: [{ id: "vip", name: "VIP" }], unsure: [] }, two)[0]?.how).toBe(
      "stays",
    );
  });
  it("keeps the older person, by number and not by letters", () => {
    expect(whoStays({ id: "p_10" }, { id: "p_z" })[0].id).toBe("p_z");
    expect(whoStays({ id: "p_1a" }, { id: "p_1b" })[0].id).toBe("p_1a");
  });
  it("gives each trait the value that was set last", () => {
    const a = person({ city: ["上海", "2026-01-01T00:00:00Z"], plan: ["x", "2026-01-01T00:00:00Z"] });
    const b = person({
      city: ["北京", "2026-02-01T00:00:00Z"],
      plan: ["x", "2026-03-01T00:00:00Z"],
      vip: [true, "2026-01-01T00:00:00Z"],
    });
    expect(traitsOfTwo(a, b).map((r) => [r.trait, r.wins])).toEqual([
      ["city", 1],
      ["plan", null],
      ["vip", 1],
    ]);
    expect(traitsOfTwo(b, a).map((r) => r.wins)).toEqual([0, null, 0]);
  });
  it("warns of limits only where both have some", () => {
    const a = person({}, id("user_id", "1"), id("email", "1"), id("email", "2"));
    const b = person({}, id("user_id", "2"), id("phone", "1"));
    const kinds = [
      { kind: "user_id", limit: 1 },
      { kind: "email", limit: 1 },
      { kind: "phone", limit: 5 },
    ];
    expect(overLimits(a, b, kinds)).toEqual([{ kind: "user_id", have: 2, limit: 1 }]);
  });
  it("reads values as the type that was chosen", () => {
    expect(readTrait("text", "12")).toBe("12");
    expect(readTrait("number", " 12 ")).toBe(12);
    expect(readTrait("number", "twelve")).toBeUndefined();
    expect(readTrait("number", "true")).toBeUndefined();
    expect(readTrait("boolean", "false")).toBe(false);
    expect(readTrait("json", '["a"]')).toEqual(["a"]);
    expect(readTrait("json", "null")).toBeUndefined();
    expect(typeOfTrait({})).toBe("json");
  });
});
