import type { AudienceFigures, AudienceOverlap, Rule } from "@/api/types";
import { groupOf, makeGroup, negate } from "@/lib/rule";

/** The rules behind the explorer's numbers: each is a door to whom it counts. */

/** What is explored: a segment, or a rule that is not saved. */
export type Who = { segment: string } | { rule: Rule; name?: string };

/** Whoever is in it, as a condition. */
export const ruleOf = (who: Who): Rule => ("segment" in who ? { segment: who.segment } : who.rule);

/** Of whom a step of the waterfall tells. */
export type Told = "lost" | "only" | "condition";

const all = (parts: readonly Rule[], kind: "and" | "or"): Rule =>
  parts.length === 1 ? (parts[0] as Rule) : makeGroup(kind, [...parts]);
const none = (parts: readonly Rule[]): Rule =>
  parts.length === 1 ? negate(parts[0] as Rule) : { not: all(parts, "or") };

/**
 * Whom a step of the waterfall counts: those whom an "and" loses at its n-th part, or an "or" gains by it; with `only`
 * those whom nothing but this part keeps out, or brings in. Null where a rule has no such step.
 */
export function stepRule(rule: Rule, path: string, told: Told): Rule | null {
  const group = groupOf(rule);
  if (!group) return path === "" ? (told === "condition" ? rule : negate(rule)) : null;
  const m = /^(and|or)\.(\d+)$/.exec(path);
  const part = m?.[1] === group.kind ? group.of[Number(m[2])] : undefined;
  if (!part) return null;
  const i = Number(m?.[2]);
  if (told === "condition") return part;
  const others = told === "lost" ? group.of.slice(0, i) : group.of.filter((_, j) => j !== i);
  if (group.kind === "and") return all([...others, negate(part)], "and");
  return others.length === 0 ? part : all([part, none(others)], "and");
}

/** Who is in some of the sets and in no other. Null where a set is a rule that is not known here. */
export function intersectionRule(sets: readonly Who[], within: readonly number[]): Rule | null {
  const inside = sets.filter((_, i) => within.includes(i)).map(ruleOf);
  const outside = sets.filter((_, i) => !within.includes(i)).map(ruleOf);
  if (inside.length === 0) return null;
  return all([...inside, ...(outside.length > 0 ? [none(outside)] : [])], "and");
}

export interface PortraitValue extends AudienceFigures {
  value?: unknown;
  from?: unknown;
  to?: unknown;
}

/** Members with one of a portrait's values. Null where conditions cannot say it: of lists and of times. */
export function valueRule(who: Who, trait: string, kind: string, v: PortraitValue): Rule | null {
  if (kind === "list" || kind === "time") return null;
  const tests: Rule[] = [];
  if (v.value !== null && v.value !== undefined) {
    if (!["string", "number", "boolean", "bigint"].includes(typeof v.value)) return null;
    tests.push({ trait, op: "eq", value: v.value });
  } else {
    if (typeof v.from === "number") tests.push({ trait, op: "gte", value: v.from });
    if (typeof v.to === "number") tests.push({ trait, op: "lt", value: v.to });
    // The range without bounds is that of all who have the trait.
    if (tests.length === 0) tests.push({ trait, op: "exists" });
  }
  return { and: [ruleOf(who), ...tests] };
}

/** Whether chance alone hardly explains that members have a value more or less often than everybody. */
export const isTelling = (f: AudienceFigures) =>
  f.index !== null && f.low !== null && f.high !== null && (f.low > 1 || f.high < 1);

export interface Columns {
  /** The largest intersections. */
  shown: AudienceOverlap["intersections"];
  /** What has no column. */
  rest: { count: number; members: number };
  /** The tallest bar. */
  most: number;
  widest: number;
}

/** What an UpSet plot of so many columns shows. */
export function columnsOf(o: Pick<AudienceOverlap, "intersections" | "sets">, max: number): Columns {
  const shown = o.intersections.slice(0, Math.max(1, max));
  const rest = o.intersections.slice(shown.length);
  return {
    shown,
    rest: { count: rest.length, members: rest.reduce((n, x) => n + x.members, 0) },
    most: Math.max(1, ...shown.map((x) => x.members)),
    widest: Math.max(1, ...o.sets.map((s) => s.members)),
  };
}
