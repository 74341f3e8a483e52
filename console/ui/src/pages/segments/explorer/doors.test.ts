import { expect, it } from "vitest";
import type { Rule } from "@/api/types";
import { groupOf, isNot, isSegment, isTrait } from "@/lib/rule";
import { columnsOf, intersectionRule, isTelling, stepRule, valueRule, type Who } from "./doors";

const t = (trait: string): Rule => ({ trait, op: "exists" });
const names = ["a", "b", "c", "d"];
const everybody = Array.from({ length: 16 }, (_, i) => new Set(names.filter((_n, j) => i & (1 << j))));

/** Whether a rule of traits and segments holds for somebody who has some of both. */
function holds(r: Rule, has: Set<string>): boolean {
  if (isNot(r)) return !holds(r.not, has);
  if (isTrait(r)) return has.has(r.trait) !== (r.op === "not_exists");
  if (isSegment(r)) return has.has(r.segment);
  const group = groupOf(r);
  if (!group) throw new Error("not a rule of this test");
  return group.kind === "and" ? group.of.every((x) => holds(x, has)) : group.of.some((x) => holds(x, has));
}
const found = (r: Rule | null) => everybody.filter((has) => r !== null && holds(r, has));

it.each(["and", "or"] as const)("leads from each step of an %s to whom it counts", (kind) => {
  const parts = names.map(t);
  const rule = (kind === "and" ? { and: parts } : { or: parts }) as Rule;
  const inAll = (has: Set<string>, some: string[]) =>
    kind === "and" ? some.every((n) => has.has(n)) : some.some((n) => has.has(n));
  let left = found(kind === "and" ? { and: [] } : { or: [] });
  names.forEach((name, i) => {
    const after = everybody.filter((has) => inAll(has, names.slice(0, i + 1)));
    const changed = everybody.filter((has) => left.includes(has) !== after.includes(has));
    expect(found(stepRule(rule, `${kind}.${i}`, "lost")), name).toEqual(changed);
    const others = names.filter((n) => n !== name);
    const alone = everybody.filter((has) => inAll(has, others) !== inAll(has, names));
    const wanted = kind === "and" ? everybody.filter((has) => inAll(has, others) && !has.has(name)) : alone;
    expect(found(stepRule(rule, `${kind}.${i}`, "only")), name).toEqual(wanted);
    expect(found(stepRule(rule, `${kind}.${i}`, "condition"))).toEqual(everybody.filter((h) => h.has(name)));
    left = after;
  });
  expect(stepRule(rule, `${kind}.9`, "lost")).toBeNull();
});

it("leads from the only condition to whom it leaves out", () => {
  expect(found(stepRule(t("a"), "", "lost"))).toEqual(everybody.filter((h) => !h.has("a")));
});

it("leads from an intersection to who is in it and in no other set", () => {
  const sets: Who[] = [{ segment: "a" }, { rule: t("b") }, { segment: "c" }, { segment: "d" }];
  for (const within of [[0], [1, 3], [0, 1, 2, 3]]) {
    const wanted = everybody.filter((has) => names.every((n, i) => has.has(n) === within.includes(i)));
    expect(found(intersectionRule(sets, within))).toEqual(wanted);
  }
  expect(intersectionRule(sets, [])).toBeNull();
});

it("says values as conditions where there are such conditions", () => {
  const figures = { members: 1, all: 2, share: 0.5, share_all: 0.2, index: 2.5, low: 0.4, high: 5 };
  const who: Who = { segment: "s" };
  expect(valueRule(who, "city", "text", { ...figures, value: "上海" })).toEqual({
    and: [{ segment: "s" }, { trait: "city", op: "eq", value: "上海" }],
  });
  expect(valueRule(who, "age", "number", { ...figures, value: null, from: 18, to: 25 })).toEqual({
    and: [{ segment: "s" }, { trait: "age", op: "gte", value: 18 }, { trait: "age", op: "lt", value: 25 }],
  });
  expect(valueRule(who, "age", "number", { ...figures, value: null, from: null, to: 25 })).toEqual({
    and: [{ segment: "s" }, { trait: "age", op: "lt", value: 25 }],
  });
  expect(valueRule(who, "likes", "list", { ...figures, value: "golf" })).toBeNull();
  expect(isTelling(figures)).toBe(false);
  expect(isTelling({ ...figures, low: 1.2 })).toBe(true);
  expect(isTelling({ ...figures, low: null })).toBe(false);
});

it("shows the largest intersections, and says what is left out", () => {
  const sets = ["a", "b"].map((segment) => ({ segment, name: segment, members: 40 }));
  const intersections = [30, 20, 7, 3].map((members, i) => ({ in: [i], members }));
  expect(columnsOf({ sets, intersections }, 2)).toEqual({
    shown: intersections.slice(0, 2),
    rest: { count: 2, members: 10 },
    most: 30,
    widest: 40,
  });
  expect(columnsOf({ sets, intersections: [] }, 5)).toMatchObject({
    rest: { count: 0, members: 0 },
    most: 1,
  });
});
