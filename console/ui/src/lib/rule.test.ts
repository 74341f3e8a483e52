import { describe, expect, it } from "vitest";
import type { Rule } from "@/api/types";
import {
  asGroup,
  negate,
  parseLength,
  placeOfError,
  placeWarnings,
  prune,
  readRule,
  ruleAt,
  salvageRule,
  segmentsIn,
} from "./rule";

const city: Rule = { trait: "city", op: "eq", value: "Berlin" };
const unfinished: Rule = { trait: "", op: "eq" };
const bought: Rule = { event: "Order Completed", count: { op: "gte", value: 2 }, within: "30d" };

describe("prune", () => {
  it("keeps what is finished and remembers where it stood", () => {
    const p = prune({ and: [unfinished, city, { or: [unfinished, { not: bought }] }] });
    expect(p.rule).toEqual({ and: [city, { or: [{ not: bought }] }] });
    expect(p.incomplete).toBe(2);
    expect(p.places.get("and.0")).toBe("and.1");
    expect(p.places.get("and.1.or.0")).toBe("and.2.or.1");
    expect(p.places.get("and.1.or.0.not")).toBe("and.2.or.1.not");
  });
  it("leaves nothing of a draft without a finished condition", () => {
    expect(prune({ and: [unfinished, { or: [] }] })).toMatchObject({ rule: null, incomplete: 1 });
  });
  it("knows when a value is missing", () => {
    expect(prune({ and: [{ trait: "a", op: "in", value: [] }] }).rule).toBeNull();
    expect(prune({ and: [{ trait: "a", op: "exists" }] }).rule).not.toBeNull();
    expect(prune({ and: [{ trait: "a", op: "eq", value: 0 }] }).rule).not.toBeNull();
    expect(prune({ and: [{ trait: "a", op: "eq", value: false }] }).rule).not.toBeNull();
    expect(prune({ and: [{ event: "e", where: [{ property: "p", op: "gte" }] }] }).rule).toBeNull();
  });
});

describe("operators of moments, places and chance", () => {
  const born: Rule = { trait: "born", op: "anniversary", value: 7, tz: "Asia/Shanghai" };
  const home: Rule = { trait: "home", op: "near", value: { lat: 31.2, lng: 121.5, km: 5 } };
  const part: Rule = { random: { salt: "spring", from: 0, to: 10 } };
  it("are read, or the place that is wrong is told", () => {
    for (const r of [born, home, part]) expect(readRule(r)).toEqual({ rule: r });
    expect(readRule({ ...born, value: "soon" })).toEqual({ wrong: "value" });
    expect(readRule({ ...born, tz: 8 })).toEqual({ wrong: "tz" });
    expect(readRule({ ...home, value: { lat: "x" } })).toEqual({ wrong: "value" });
    expect(readRule({ random: { salt: 1 } })).toEqual({ wrong: "random" });
    expect(readRule({ event: "A", where: [{ property: "p", op: "ago_gt", value: "1d" }] })).toEqual({
      wrong: "where",
    });
  });
  it("are salvaged without what is wrong", () => {
    expect(salvageRule({ ...born, value: "soon", tz: 8 })).toEqual({ trait: "born", op: "anniversary" });
    expect(salvageRule({ and: [{ random: {} }] })).toEqual({
      and: [{ random: { salt: "", from: 0, to: 10 } }],
    });
  });
  it("are finished when all is there", () => {
    expect(prune({ and: [born, home, part] }).incomplete).toBe(0);
    expect(prune({ ...home, value: { lat: 1, lng: 2 } } as Rule).rule).toBeNull();
    expect(prune({ random: { salt: "a", from: 10, to: 10 } }).rule).toBeNull();
    expect(prune({ trait: "tags", op: "has_any", value: [] }).rule).toBeNull();
  });
  it("know how long somebody has been in a segment", () => {
    expect(readRule({ segment: "vip", for: "30d" })).toEqual({ rule: { segment: "vip", for: "30d" } });
    expect(readRule({ segment: "vip", for: 30 })).toEqual({ wrong: "for" });
    expect(salvageRule({ segment: "vip", for: 30 })).toEqual({ segment: "vip" });
    expect(negate({ segment: "vip", for: "30d" })).toEqual({ not: { segment: "vip", for: "30d" } });
  });
  it("have opposites with names", () => {
    expect(negate({ trait: "tags", op: "has_any", value: ["a"] })).toEqual({
      trait: "tags",
      op: "has_none",
      value: ["a"],
    });
    expect(negate(born)).toEqual({ not: born });
  });
});

describe("households", () => {
  const payers: Rule = { household: { role: "payer", any: { and: [city, unfinished] } } };
  it("are pruned within, and remember where a member's conditions stood", () => {
    const p = prune({ and: [unfinished, payers, { household: { none: { and: [unfinished] } } }] });
    expect(p.rule).toEqual({ and: [{ household: { role: "payer", any: { and: [city] } } }] });
    expect(p.incomplete).toBe(3);
    expect(p.places.get("and.0")).toBe("and.1");
    expect(p.places.get("and.0.household.any.and.0")).toBe("and.1.household.any.and.0");
  });
  it("are the opposite of each other where they have a word", () => {
    expect(negate(payers)).toEqual({ household: { role: "payer", none: { and: [city, unfinished] } } });
    expect(negate(negate(payers))).toEqual(payers);
    expect(negate({ household: { all: city } })).toEqual({ not: { household: { all: city } } });
  });
  it("have a group within when they are edited", () => {
    expect(asGroup({ household: { any: city } })).toEqual({ and: [{ household: { any: { and: [city] } } }] });
  });
  it("are read, or the place that is wrong is told", () => {
    expect(readRule(payers)).toEqual({ rule: payers });
    expect(readRule({ household: { any: city, none: city } })).toEqual({ wrong: "household" });
    expect(readRule({ household: { role: "boss", any: city } })).toEqual({ wrong: "household" });
    expect(readRule({ and: [{ household: { any: { trait: 5 } } }] })).toEqual({
      wrong: "and.0.household.any.trait",
    });
    expect(segmentsIn({ household: { any: { segment: "seg_a" } } })).toEqual(["seg_a"]);
  });
});

describe("placeOfError", () => {
  const { places } = prune({ and: [unfinished, city, bought] });
  it("finds the condition in the draft", () => {
    expect(placeOfError("and.1.count.value: must be a whole number", places)).toEqual({
      at: "and.2",
      text: "count.value: must be a whole number",
    });
    expect(placeOfError("and.0: holds both", places)).toEqual({ at: "and.1", text: "holds both" });
  });
  it("falls back to the whole rule, and gives up on other messages", () => {
    expect(placeOfError("rule: is nested more than 16 deep", places)).toEqual({
      at: "",
      text: "is nested more than 16 deep",
    });
    expect(placeOfError("The warehouse did not answer in time.", places)).toBeNull();
  });
});

describe("readRule", () => {
  it("reads what the builder can show, finished or not", () => {
    for (const r of [city, bought, unfinished, { not: { segment: "seg_a" } }, { and: [] }])
      expect(readRule(r)).toEqual({ rule: r });
  });
  it("names the place of what it cannot", () => {
    expect(readRule({ and: [city, { or: "x" }] })).toEqual({ wrong: "and.1.or" });
    expect(readRule({ and: [{ trait: "a", op: "like" }] })).toEqual({ wrong: "and.0.op" });
    expect(readRule({ trait: "a", event: "b", op: "eq" })).toEqual({ wrong: "" });
    expect(readRule({ event: "a", count: { op: "gt", value: 1 } })).toEqual({ wrong: "count" });
    expect(readRule("x")).toEqual({ wrong: "" });
  });
});

it("gives the builder a group to add to", () => {
  expect(asGroup(null)).toEqual({ and: [] });
  expect(asGroup(city)).toEqual({ and: [city] });
  expect(asGroup({ or: [city] })).toEqual({ or: [city] });
  expect(asGroup({ not: { segment: "a" } })).toEqual({ and: [{ not: { segment: "a" } }] });
});

it("says an opposite by its own name where it has one", () => {
  const once: Rule = { event: "Order Completed", count: { op: "gte", value: 1 }, within: "30d" };
  const never: Rule = { event: "Order Completed", count: { op: "eq", value: 0 }, within: "30d" };
  expect(asGroup({ not: once })).toEqual({ and: [never] });
  expect(asGroup({ not: { event: "x" } })).toEqual({ and: [{ event: "x", count: { op: "eq", value: 0 } }] });
  expect(negate(never)).toEqual(once);
  expect(asGroup({ not: city })).toEqual({ and: [{ ...city, op: "neq" }] });
  expect(asGroup({ or: [{ not: { not: bought } }, { not: { and: [bought] } }] })).toEqual({
    or: [bought, { not: { and: [bought] } }],
  });
  for (const r of [city, once, never, bought, { segment: "a" }, { not: { segment: "a" } }] as Rule[])
    expect(negate(negate(r))).toEqual(r);
});

it("finds the segments that a rule refers to", () => {
  expect(segmentsIn({ and: [{ segment: "a" }, { not: { or: [{ segment: "b" }, city] } }] })).toEqual([
    "a",
    "b",
  ]);
  expect(segmentsIn(null)).toEqual([]);
});

it("reads lengths of time", () => {
  expect(parseLength("30d")).toEqual({ n: 30, unit: "d" });
  expect(parseLength("1.5d")).toBeNull();
  expect(parseLength(undefined)).toBeNull();
});

it("puts warnings where the conditions stand in the draft", () => {
  const draft: Rule = {
    and: [{ trait: "", op: "eq" }, { trait: "city", op: "eq", value: "上海" }, { not: { segment: "seg_1" } }],
  };
  const { places } = prune(draft);
  const placed = placeWarnings(
    [
      { code: "contradiction", paths: ["and.0", "and.1.not"] },
      { code: "impossible_event", paths: ["and.7"] },
    ],
    places,
  );
  expect(placed).toEqual([{ code: "contradiction", at: ["and.1", "and.2.not"] }]);
  expect(ruleAt(draft, "and.2.not")).toEqual({ segment: "seg_1" });
  expect(ruleAt(draft, "and.9.not")).toBeUndefined();
  expect(ruleAt(draft, "and")).toBeUndefined();
});
