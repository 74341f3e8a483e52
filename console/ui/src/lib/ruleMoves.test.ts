import { describe, expect, it } from "vitest";
import type { Rule } from "@/api/types";
import { stableJson } from "./json";
import { groupOf, isHousehold, isNot, makeGroup, makeHousehold, membersOf, ruleAt } from "./rule";
import {
  canUngroup,
  groupPart,
  heightOf,
  insertPart,
  maxDepth,
  misfit,
  movePart,
  placeOf,
  removePart,
  slotOf,
  slotsFor,
  stepPart,
  ungroupPart,
} from "./ruleMoves";

const t = (name: string): Rule => ({ trait: name, op: "exists" });
const [a, b, c, d] = [t("a"), t("b"), t("c"), t("d")];

describe("movePart", () => {
  const rule: Rule = { and: [a, { or: [b, c] }, d] };
  it("moves within a group, to both sides", () => {
    expect(movePart(rule, "and.0", { list: "and", index: 3 })).toEqual({
      rule: { and: [{ or: [b, c] }, d, a] },
      at: "and.2",
    });
    expect(movePart(rule, "and.2", { list: "and", index: 0 })).toEqual({
      rule: { and: [d, a, { or: [b, c] }] },
      at: "and.0",
    });
  });
  it("moves into a group and out of it, and says where the part is then", () => {
    expect(movePart(rule, "and.0", { list: "and.1.or", index: 1 })).toEqual({
      rule: { and: [{ or: [b, a, c] }, d] },
      at: "and.0.or.1",
    });
    expect(movePart(rule, "and.1.or.0", { list: "and", index: 0 })).toEqual({
      rule: { and: [b, a, { or: [c] }, d] },
      at: "and.0",
    });
  });
  it("takes a group along that is empty then, negated too, but not that of a household", () => {
    expect(movePart({ and: [a, { or: [b] }] }, "and.1.or.0", { list: "and", index: 0 })?.rule).toEqual({
      and: [b, a],
    });
    expect(
      movePart({ and: [a, { not: { or: [{ and: [b] }] } }] }, "and.1.not.or.0.and.0", {
        list: "and",
        index: 2,
      }),
    ).toEqual({
      rule: { and: [a, b] },
      at: "and.1",
    });
    expect(
      movePart({ and: [{ household: { any: { and: [a] } } }] }, "and.0.household.any.and.0", {
        list: "and",
        index: 1,
      })?.rule,
    ).toEqual({ and: [{ household: { any: { and: [] } } }, a] });
  });
  it("does not put a group into itself, nor a household into a household", () => {
    expect(movePart(rule, "and.1", { list: "and.1.or", index: 0 })).toBeNull();
    const homes: Rule = {
      and: [{ household: { any: { and: [a] } } }, { household: { none: { and: [b] } } }],
    };
    expect(movePart(homes, "and.1", { list: "and.0.household.any.and", index: 0 })).toBeNull();
  });
  it("moves conditions into what is asked of a household", () => {
    expect(
      movePart({ and: [a, { not: { household: { role: "payer", all: { and: [b] } } } }] }, "and.0", {
        list: "and.1.not.household.all.and",
        index: 1,
      }),
    ).toEqual({
      rule: { and: [{ not: { household: { role: "payer", all: { and: [b, a] } } } }] },
      at: "and.0.not.household.all.and.1",
    });
  });
  it("keeps to the depth that the server takes", () => {
    let deep: Rule = { and: [] };
    for (let i = 0; i < maxDepth - 1; i++) deep = { and: [deep] };
    const list = Array.from({ length: maxDepth }, () => "and").join(".0.");
    expect(misfit(list, a)).toBeNull();
    expect(misfit(list, { or: [a] })).toBe("deep");
    expect(heightOf(insertPart(deep, { list, index: 0 }, a))).toBe(maxDepth);
  });
});

describe("stepPart", () => {
  it("walks through every slot and back again", () => {
    const rule: Rule = { and: [a, { or: [b, c] }, d] };
    const seen: string[] = [];
    let now: { rule: Rule; at: string } | null = { rule, at: "and.0" };
    while (now) {
      seen.push(now.at);
      now = stepPart(now.rule, now.at, 1);
    }
    expect(seen).toEqual(["and.0", "and.0.or.0", "and.0.or.1", "and.0.or.2", "and.1", "and.2"]);
    const after = stepPart(rule, "and.0", 1);
    expect(stepPart(after?.rule ?? rule, after?.at ?? "", -1)).toEqual({ rule, at: "and.0" });
  });
});

describe("groups", () => {
  it("are made around a part and taken away", () => {
    expect(groupPart({ and: [a, b] }, "and.1")).toEqual({ and: [a, { or: [b] }] });
    expect(ungroupPart({ and: [a, { or: [b, c] }, d] }, "and.1")).toEqual({ and: [a, b, c, d] });
    expect(ungroupPart({ and: [a, { not: { or: [b, c] } }] }, "and.1")).toBeNull();
    expect(canUngroup({ and: [] })).toBe(false);
    expect(removePart({ and: [a] }, "and.0")).toEqual({ and: [] });
  });
});

/** Small numbers that look random and are the same each time. */
function dice(seed: number) {
  let s = seed;
  return (n: number) => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return Math.floor((s / 2 ** 32) * n);
  };
}

function draw(roll: (n: number) => number, name: { next: number }, depth = 0, home = false): Rule {
  const kind = depth === 0 ? 5 + roll(2) : roll(depth > 3 ? 3 : 9);
  if (kind < 4) return t(`t${name.next++}`);
  if (kind === 4) return { not: draw(roll, name, depth + 1, home) };
  if (kind < 8 || home)
    return makeGroup(
      roll(2) ? "and" : "or",
      Array.from({ length: 1 + roll(3) }, () => draw(roll, name, depth + 1, home)),
    );
  return makeHousehold("any", { and: [draw(roll, name, depth + 2, true)] }, undefined);
}

/** All conditions, and all places of parts that stand in groups. */
function look(rule: Rule): { leaves: string[]; parts: string[] } {
  const leaves: string[] = [];
  const parts: string[] = [];
  const walk = (r: Rule): void => {
    const at = placeOf(rule, r);
    if (at !== null && slotOf(at)) parts.push(at);
    const group = groupOf(r);
    if (isNot(r)) walk(r.not);
    else if (isHousehold(r)) walk(membersOf(r).of);
    else if (group) group.of.forEach(walk);
    else leaves.push(stableJson(r));
  };
  walk(rule);
  return { leaves: leaves.sort(), parts };
}

it("loses no condition, says where the part is, and comes back, in random rules", () => {
  let moves = 0;
  for (let seed = 1; seed <= 300; seed++) {
    const roll = dice(seed);
    const rule = draw(roll, { next: 0 });
    const { leaves, parts } = look(rule);
    for (let n = 0; n < 5; n++) {
      const at = parts[roll(parts.length)] as string;
      const part = ruleAt(rule, at);
      const slots = slotsFor(rule, at);
      const own = slotOf(at);
      expect(slots).toContainEqual(own);
      const to = slots[roll(slots.length)] as (typeof slots)[number];
      const moved = movePart(rule, at, to);
      if (!moved) throw new Error(`seed ${seed}: ${at} cannot go where it was offered to go`);
      moves++;
      expect(look(moved.rule).leaves, `seed ${seed}`).toEqual(leaves);
      expect(ruleAt(moved.rule, moved.at)).toBe(part);
      if (to.list === own?.list && to.index === own.index) expect(moved.rule).toEqual(rule);
      // A step down and a step up undo each other, unless the first one closed a group.
      const down = stepPart(rule, at, 1);
      if (down && heightOf(down.rule) === heightOf(rule) && look(down.rule).parts.length === parts.length)
        expect(stepPart(down.rule, down.at, -1), `seed ${seed} ${at}`).toEqual({ rule, at });
    }
  }
  expect(moves).toBe(1500);
});
