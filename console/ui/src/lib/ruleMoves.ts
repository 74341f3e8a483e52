import type { Rule } from "@/api/types";
import {
  type GroupKind,
  groupOf,
  isHousehold,
  isNot,
  join,
  makeGroup,
  makeHousehold,
  membersOf,
  ruleAt,
  unwrap,
} from "./rule";

/**
 * Moving parts of a rule: cutting, pasting, dragging, walking by keyboard. A part is named by its place in its group
 * ("and.1.not.or.0"), a *slot* by a group's place and the number of the part before which it lies, as the rule is before
 * the move.
 */
export interface Slot {
  /** Where the group's parts stand: "and", "and.1.or", "and.0.household.any.and". */
  list: string;
  index: number;
}

/** How deep the server lets rules nest (segment/rule: MaxDepth). */
export const maxDepth = 16;

/** The slot in which a part stands. Null for the root, which is in no group. */
export function slotOf(at: string): Slot | null {
  const m = /^(.+)\.(\d+)$/.exec(at);
  return m ? { list: m[1] as string, index: Number(m[2]) } : null;
}

export const sameSlot = (a: Slot | null, b: Slot | null) => a?.list === b?.list && a?.index === b?.index;

/** Whether a place is a part, or within it. */
export const isWithin = (at: string, part: string) => at === part || at.startsWith(`${part}.`);

/** A rule with the parts of one of its groups made anew. */
function changeList(rule: Rule, list: string, change: (of: Rule[]) => Rule[], at = ""): Rule {
  if (isNot(rule)) return { not: changeList(rule.not, list, change, join(at, "not")) };
  if (isHousehold(rule)) {
    const { who, of, role } = membersOf(rule);
    return makeHousehold(who, changeList(of, list, change, join(at, `household.${who}`)), role);
  }
  const group = groupOf(rule);
  if (!group) return rule;
  const here = join(at, group.kind);
  if (here === list) return makeGroup(group.kind, change(group.of));
  // A part that does not hold the list stays the object that it is.
  return makeGroup(
    group.kind,
    group.of.map((part, i) =>
      isWithin(list, join(here, i)) ? changeList(part, list, change, join(here, i)) : part,
    ),
  );
}

/** Takes a part out. A group that is empty then goes with it, but for the root and the group of a household. */
export function removePart(rule: Rule, at: string): Rule {
  const slot = slotOf(at);
  if (!slot) return rule;
  const group = slot.list.replace(/(?:^|\.)(?:and|or)$/, "");
  const of = groupOf(ruleAt(rule, group) ?? { and: [] })?.of;
  const around = group.replace(/\.not$/, "");
  if (of?.length === 1 && slotOf(around)) return removePart(rule, around);
  return changeList(rule, slot.list, (of) => of.toSpliced(slot.index, 1));
}

export function insertPart(rule: Rule, slot: Slot, part: Rule): Rule {
  return changeList(rule, slot.list, (of) => of.toSpliced(slot.index, 0, part));
}

/** How many levels a rule has below itself, counted as the server counts them. */
export function heightOf(rule: Rule): number {
  if (isNot(rule)) return 1 + heightOf(rule.not);
  if (isHousehold(rule)) return 1 + heightOf(membersOf(rule).of);
  const group = groupOf(rule);
  return group ? 1 + Math.max(0, ...group.of.map(heightOf)) : 0;
}

function holdsHousehold(rule: Rule): boolean {
  if (isHousehold(rule)) return true;
  if (isNot(rule)) return holdsHousehold(rule.not);
  return groupOf(rule)?.of.some(holdsHousehold) ?? false;
}

const levelOf = (list: string) => list.split(".").filter((w) => /^(and|or|not|household)$/.test(w)).length;

/** Why a part may not stand in a group: it is deeper than rules may nest, or asks about households within a household. */
export function misfit(list: string, part: Rule): "deep" | "household" | null {
  if (list.split(".").includes("household") && holdsHousehold(part)) return "household";
  return levelOf(list) + heightOf(part) > maxDepth ? "deep" : null;
}

/** Moves a part to a slot. Gives the rule and where the part stands now, or null where it cannot go. */
export function movePart(rule: Rule, at: string, to: Slot): { rule: Rule; at: string } | null {
  const part = ruleAt(rule, at);
  if (!part || !slotOf(at) || isWithin(to.list, at) || misfit(to.list, part)) return null;
  const marker: Rule = { and: [] };
  // The marker holds the part's new place while its old one is closed, which may take emptied groups along.
  const marked = insertPart(rule, to, marker);
  const closed = removePart(marked, shifted(at, to));
  const place = placeOf(closed, marker);
  const slot = place === null ? null : slotOf(place);
  if (place === null || !slot) return null;
  return { rule: changeList(closed, slot.list, (of) => of.with(slot.index, part)), at: place };
}

/** A place as it is after something came into a slot before it. */
function shifted(at: string, slot: Slot): string {
  if (!at.startsWith(`${slot.list}.`)) return at;
  const [n, ...rest] = at.slice(slot.list.length + 1).split(".");
  const moved = Number(n) >= slot.index ? Number(n) + 1 : n;
  return [slot.list, moved, ...rest].join(".");
}

/** Where an object stands in a rule. */
export function placeOf(rule: Rule, wanted: Rule, at = ""): string | null {
  if (rule === wanted) return at;
  if (isNot(rule)) return placeOf(rule.not, wanted, join(at, "not"));
  if (isHousehold(rule)) {
    const { who, of } = membersOf(rule);
    return placeOf(of, wanted, join(at, `household.${who}`));
  }
  const group = groupOf(rule);
  for (const [i, part] of (group?.of ?? []).entries()) {
    const found = placeOf(part, wanted, join(join(at, group?.kind ?? ""), i));
    if (found !== null) return found;
  }
  return null;
}

/** Every slot into which a part can go, from top to bottom as the builder shows them; its own is the one before itself. */
export function slotsFor(rule: Rule, at: string): Slot[] {
  const part = ruleAt(rule, at);
  const out: Slot[] = [];
  const walk = (r: Rule, here: string): void => {
    const group = groupOf(r);
    if (here === at && here !== "") return;
    if (isNot(r)) walk(r.not, join(here, "not"));
    if (isHousehold(r)) {
      const { who, of } = membersOf(r);
      walk(of, join(here, `household.${who}`));
    }
    if (!group) return;
    const list = join(here, group.kind);
    const fits = part !== undefined && misfit(list, part) === null;
    group.of.forEach((child, i) => {
      // Before and after itself are one slot.
      if (fits && join(list, i - 1) !== at) out.push({ list, index: i });
      walk(child, join(list, i));
    });
    if (fits && join(list, group.of.length - 1) !== at) out.push({ list, index: group.of.length });
  };
  walk(rule, "");
  return out;
}

/** One slot up or down, into groups and out of them. Null at the ends. */
export function stepPart(rule: Rule, at: string, by: 1 | -1): { rule: Rule; at: string } | null {
  const slots = slotsFor(rule, at);
  const own = slotOf(at);
  const i = slots.findIndex((s) => sameSlot(s, own));
  const next = i < 0 ? undefined : slots[i + by];
  return next ? movePart(rule, at, next) : null;
}

/** Puts a part into a group of its own, of the other kind than the one in which it stands. */
export function groupPart(rule: Rule, at: string): Rule | null {
  const part = ruleAt(rule, at);
  const slot = slotOf(at);
  if (!part || !slot) return null;
  const kind: GroupKind = slot.list.endsWith("and") ? "or" : "and";
  if (levelOf(slot.list) + 1 + heightOf(part) > maxDepth) return null;
  return changeList(rule, slot.list, (of) => of.with(slot.index, makeGroup(kind, [part])));
}

/** Whether a part is a group whose conditions can stand in the group around it: a "not" would be lost. */
export const canUngroup = (part: Rule) => !unwrap(part).negated && (groupOf(part)?.of.length ?? 0) > 0;

/** Puts a group's conditions in its place. */
export function ungroupPart(rule: Rule, at: string): Rule | null {
  const part = ruleAt(rule, at);
  const slot = slotOf(at);
  const group = part && canUngroup(part) ? groupOf(part) : null;
  if (!group || !slot) return null;
  return changeList(rule, slot.list, (of) => of.toSpliced(slot.index, 1, ...group.of));
}
