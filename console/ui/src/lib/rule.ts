import type { Condition, ConditionOp, Rule, SegmentPreview, TraitOp } from "@/api/types";

/** The rule language of segments as data: shapes, places ("and.1.not"), and what may be sent to the server. */
export type GroupKind = "and" | "or";
export type AndRule = Extract<Rule, { and: unknown }>;
export type OrRule = Extract<Rule, { or: unknown }>;
export type NotRule = Extract<Rule, { not: unknown }>;
export type TraitRule = Extract<Rule, { trait: unknown }>;
export type EventRule = Extract<Rule, { event: unknown }>;
export type SequenceRule = Extract<Rule, { sequence: unknown }>;
export type SequenceStep = SequenceRule["sequence"][number];
export type SegmentRule = Extract<Rule, { segment: unknown }>;
export type RandomRule = Extract<Rule, { random: unknown }>;
export type HouseholdRule = Extract<Rule, { household: unknown }>;
export type HouseholdRole = NonNullable<HouseholdRule["household"]["role"]>;
/** Of how many members of a household a condition must be true. */
export type Quantifier = "any" | "all" | "none";
export const quantifiers: readonly Quantifier[] = ["any", "all", "none"];
export const householdRoles: readonly HouseholdRole[] = ["payer", "user", "driver", "child"];

export const isNot = (r: Rule): r is NotRule => "not" in r;
export const isTrait = (r: Rule): r is TraitRule => "trait" in r;
export const isEvent = (r: Rule): r is EventRule => "event" in r;
export const isSequence = (r: Rule): r is SequenceRule => "sequence" in r;
export const isSegment = (r: Rule): r is SegmentRule => "segment" in r;
export const isRandom = (r: Rule): r is RandomRule => "random" in r;
export const isHousehold = (r: Rule): r is HouseholdRule => "household" in r;

/** What of somebody's events is compared. */
export const wholeMeasures = ["count", "distinct", "days"] as const;
export const amountMeasures = ["sum", "avg", "min", "max"] as const;
export const valueMeasures = ["first", "last"] as const;
export type WholeMeasure = (typeof wholeMeasures)[number];
export type AmountMeasure = (typeof amountMeasures)[number];
export type ValueMeasure = (typeof valueMeasures)[number];
export type Measure = WholeMeasure | AmountMeasure | ValueMeasure;
const measures: readonly Measure[] = [...wholeMeasures, ...amountMeasures, ...valueMeasures];
export const measureOf = (r: EventRule): Measure => measures.find((m) => r[m] !== undefined) ?? "count";

/** How a condition says when. */
export const windowKinds = ["within", "ago", "calendar", "fixed", "ever"] as const;
export type WindowKind = (typeof windowKinds)[number];
export const periods = ["day", "week", "month", "quarter", "year"] as const;
export function windowOf(r: EventRule): WindowKind {
  if (r.within !== undefined) return "within";
  if (r.ago) return "ago";
  if (r.calendar) return "calendar";
  return r.since !== undefined || r.until !== undefined ? "fixed" : "ever";
}

/** The event and its filters, and what else of a condition is asked for. */
export function eventParts(r: EventRule): {
  what: EventRule;
  measured: Partial<EventRule>;
  when: Partial<EventRule>;
} {
  const { within, ago, calendar, since, until, event, where, ...measured } = r;
  return {
    what: { event, ...(where ? { where } : {}) },
    measured,
    when: {
      ...(within !== undefined ? { within } : {}),
      ...(ago ? { ago } : {}),
      ...(calendar ? { calendar } : {}),
      ...(since !== undefined ? { since } : {}),
      ...(until !== undefined ? { until } : {}),
    },
  };
}

/** Measures that are known of a window: what lies in its middle is not, and the first of one that moves is not either. */
export function measuresIn(kind: WindowKind, back: number): readonly Measure[] {
  const closed = kind === "ago" || (kind === "calendar" && back > 0);
  return measures.filter(
    (m) =>
      !(closed && (m === "distinct" || m === "days" || m === "last")) &&
      !(m === "first" && kind !== "ever" && kind !== "fixed"),
  );
}

/** A household condition's parts: of whom what must be true. */
export function membersOf(r: HouseholdRule): { who: Quantifier; of: Rule; role: HouseholdRole | undefined } {
  const who = quantifiers.find((q) => r.household[q] !== undefined) ?? "any";
  return { who, of: r.household[who] ?? { and: [] }, role: r.household.role };
}

export function makeHousehold(who: Quantifier, of: Rule, role: HouseholdRole | undefined): HouseholdRule {
  return { household: { ...(role ? { role } : {}), [who]: of } };
}

/** A group's word and parts, or null for a single condition. */
export function groupOf(r: Rule): { kind: GroupKind; of: Rule[] } | null {
  if ("and" in r) return { kind: "and", of: r.and };
  if ("or" in r) return { kind: "or", of: r.or };
  return null;
}

export function makeGroup(kind: GroupKind, of: Rule[]): Rule {
  return kind === "and" ? { and: of } : { or: of };
}

/** The rule inside of a "not", and whether there was one. */
export function unwrap(r: Rule): { inner: Rule; negated: boolean } {
  return isNot(r) ? { inner: r.not, negated: true } : { inner: r, negated: false };
}

export function wrap(inner: Rule, negated: boolean): Rule {
  return negated ? { not: inner } : inner;
}

/** Operators whose exact negation has a name (segment/rule): "not (city is x)" is "city is not x". */
const negations: Partial<Record<TraitOp, TraitOp>> = {
  contains: "not_contains",
  not_contains: "contains",
  matches: "not_matches",
  not_matches: "matches",
  has_any: "has_none",
  has_none: "has_any",
  eq: "neq",
  neq: "eq",
  in: "not_in",
  not_in: "in",
  exists: "not_exists",
  not_exists: "exists",
};

/** The opposite of a condition. What has a name of its own is said by it: "did not do" instead of "not: did at least once". */
export function negate(r: Rule): Rule {
  if (isNot(r)) return r.not;
  if (isTrait(r) && negations[r.op]) return { ...r, op: negations[r.op] ?? r.op };
  if (isEvent(r) && measureOf(r) === "count") {
    const { op, value } = r.count ?? { op: "gte", value: 1 };
    if (op === "gte" && value === 1) return { ...r, count: { op: "eq", value: 0 } };
    if (op !== "gte" && value === 0) return { ...r, count: { op: "gte", value: 1 } };
  }
  if (isHousehold(r)) {
    const { who, of, role } = membersOf(r);
    if (who !== "all") return makeHousehold(who === "any" ? "none" : "any", of, role);
  }
  return { not: r };
}

/** A rule in which no "not" stands before a condition whose opposite has a name. */
export function plain(r: Rule): Rule {
  if (isNot(r)) return negate(plain(r.not));
  if (isHousehold(r)) {
    const { who, of, role } = membersOf(r);
    return makeHousehold(who, asGroup(of), role);
  }
  const group = groupOf(r);
  return group ? makeGroup(group.kind, group.of.map(plain)) : r;
}

/** The builder's root is always a group, so that there is a place for the second condition. */
export function asGroup(rule: Rule | null | undefined): Rule {
  if (!rule) return { and: [] };
  const r = plain(rule);
  return groupOf(r) ? r : { and: [r] };
}

export const join = (at: string, name: string | number) => (at === "" ? String(name) : `${at}.${name}`);

/** The operators by what they compare with. Those of moments are about traits only. */
export const textOps = ["contains", "not_contains", "starts_with", "ends_with"] as const;
export const patternOps = ["matches", "not_matches"] as const;
export const listOps = ["has_any", "has_all", "has_none"] as const;
export const versionOps = ["version_eq", "version_gt", "version_gte", "version_lt", "version_lte"] as const;
export const lengthOps = ["ago_gt", "ago_lt", "ahead_lt", "ahead_gt"] as const;
export const momentOps = ["before", "after"] as const;
const among = (list: readonly TraitOp[], op: TraitOp) => list.includes(op);
export const takesNoValue = (op: TraitOp) => op === "exists" || op === "not_exists";
export const takesList = (op: TraitOp) => op === "in" || op === "not_in" || among(listOps, op);
export const takesText = (op: TraitOp) => among([...textOps, ...patternOps, ...versionOps], op);
export const takesLength = (op: TraitOp) => among(lengthOps, op);
export const takesMoment = (op: TraitOp) => among(momentOps, op);
/** Days begin and end in a time zone, which is part of the condition. */
export const takesZone = (op: TraitOp) => takesLength(op) || takesMoment(op) || op === "anniversary";

export interface Place {
  lat?: number | undefined;
  lng?: number | undefined;
  km?: number | undefined;
}
export const placeOf = (value: unknown): Place => (isObject(value) ? (value as Place) : {});

function valueComplete(op: TraitOp, value: unknown): boolean {
  if (takesNoValue(op)) return true;
  if (op === "near") {
    const p = placeOf(value);
    return [p.lat, p.lng, p.km].every((n) => typeof n === "number");
  }
  if (takesList(op)) return Array.isArray(value) && value.length > 0;
  return value !== undefined && value !== null && value !== "" && !Array.isArray(value);
}

export function conditionComplete(c: Condition): boolean {
  return Boolean(c.property || c.context || c.dimension) && valueComplete(c.op, c.value);
}

export function leafComplete(r: Rule): boolean {
  if (isTrait(r)) return r.trait !== "" && valueComplete(r.op, r.value);
  if (isSegment(r)) return r.segment !== "";
  if (isRandom(r)) return r.random.salt !== "" && (r.random.from ?? 0) < (r.random.to ?? 100);
  if (isSequence(r))
    return (
      r.sequence.length > 1 &&
      r.sequence.every(
        (s) =>
          s.event !== "" && (s.where ?? []).every(conditionComplete) && (!s.not || s.within !== undefined),
      )
    );
  if (isEvent(r)) return r.event !== "" && (r.where ?? []).every(conditionComplete) && measureComplete(r);
  return true;
}

/** How many events may follow each other. */
export const maxSteps = 5;

function measureComplete(r: EventRule): boolean {
  const amount = r.sum ?? r.avg ?? r.min ?? r.max;
  if (amount) return amount.property !== "" && typeof amount.value === "number";
  const value = r.first ?? r.last;
  if (value) return value.property !== "" && valueComplete(value.op, value.value);
  return r.distinct?.property !== "";
}

export interface Pruned {
  /** Null when nothing complete is left. */
  rule: Rule | null;
  /** Where each condition and group of the pruned rule stands in the draft. */
  places: Map<string, string>;
  /** Conditions that are not finished yet. */
  incomplete: number;
}

/** The part of a draft that is finished, and where its parts came from. */
export function prune(draft: Rule): Pruned {
  const places = new Map<string, string>();
  let incomplete = 0;
  const walk = (r: Rule, from: string, to: string): Rule | null => {
    const mark = <T extends Rule>(x: T): T => {
      places.set(to, from);
      return x;
    };
    if (isNot(r)) {
      const inner = walk(r.not, join(from, "not"), join(to, "not"));
      return inner && mark({ not: inner });
    }
    if (isHousehold(r)) {
      const { who, of, role } = membersOf(r);
      const inner = walk(of, join(from, `household.${who}`), join(to, `household.${who}`));
      if (!inner && groupOf(of)?.of.length === 0) incomplete++;
      return inner && mark(makeHousehold(who, inner, role));
    }
    const group = groupOf(r);
    if (!group) {
      if (leafComplete(r)) return mark(r);
      incomplete++;
      return null;
    }
    const parts: Rule[] = [];
    group.of.forEach((part, i) => {
      const at = `${group.kind}.`;
      const kept = walk(part, join(from, `${at}${i}`), join(to, `${at}${parts.length}`));
      if (kept) parts.push(kept);
    });
    return parts.length > 0 ? mark(makeGroup(group.kind, parts)) : null;
  };
  const rule = walk(draft, "", "");
  return { rule, places, incomplete };
}

/**
 * The server names the place of a mistake in front of it: "and.1.value: is missing". The longest beginning that is a
 * part of the rule is where the message is shown.
 */
export function placeOfError(
  message: string,
  places: ReadonlyMap<string, string>,
): { at: string; text: string } | null {
  const m = /^((?:[a-z_]+|\d+)(?:\.(?:[a-z_]+|\d+))*): (.+)$/s.exec(message);
  if (!m) return null;
  const words = (m[1] as string).split(".").filter((w, i) => !(i === 0 && w === "rule"));
  for (let n = words.length; n >= 0; n--) {
    const at = places.get(words.slice(0, n).join("."));
    if (at !== undefined) {
      const rest = words.slice(n).join(".");
      return { at, text: rest ? `${rest}: ${m[2]}` : (m[2] as string) };
    }
  }
  return null;
}

/** The part of a rule at a place ("and.1.not"). */
export function ruleAt(rule: Rule, at: string): Rule | undefined {
  let here: unknown = rule;
  for (const step of at === "" ? [] : at.split("."))
    here = typeof here === "object" && here !== null ? (here as Record<string, unknown>)[step] : undefined;
  return typeof here === "object" && here !== null && !Array.isArray(here) ? (here as Rule) : undefined;
}

export interface PlacedWarning {
  code: SegmentPreview["warnings"][number]["code"];
  /** The conditions concerned, by their places in the draft. */
  at: string[];
}

/** The server's warnings of a rule, put where its conditions stand in the draft. What stands nowhere is left out. */
export function placeWarnings(
  warnings: SegmentPreview["warnings"],
  places: ReadonlyMap<string, string>,
): PlacedWarning[] {
  return warnings
    .map((w) => ({
      code: w.code,
      at: w.paths.flatMap((path) => {
        const at = places.get(path);
        return at === undefined ? [] : [at];
      }),
    }))
    .filter((w, i) => w.at.length > 0 && w.at.length === warnings[i]?.paths.length);
}

const ops: readonly string[] = [
  ...["eq", "neq", "gt", "gte", "lt", "lte", "in", "not_in", "exists", "not_exists", "near"],
  ...[...textOps, ...patternOps, ...listOps, ...versionOps],
];
const traitOps: readonly string[] = [...ops, ...momentOps, ...lengthOps, "anniversary"];

const isObject = (v: unknown): v is Record<string, unknown> =>
  typeof v === "object" && v !== null && !Array.isArray(v);

/**
 * Reads a rule out of an address or a text field, loosely: unfinished conditions are fine, shapes that the builder
 * cannot show are not. Gives the rule or the place that is wrong.
 */
export function readRule(v: unknown, at = "", depth = 0): { rule: Rule } | { wrong: string } {
  const wrong = { wrong: at };
  if (!isObject(v) || depth > deepest) return wrong;
  const kinds = ["and", "or", "not", "trait", "event", "sequence", "segment", "household", "random"].filter(
    (k) => k in v,
  );
  const kind = kinds[0];
  if (kinds.length !== 1 || kind === undefined) return wrong;
  if (kind === "not") {
    const inner = readRule(v.not, join(at, "not"), depth + 1);
    return "wrong" in inner ? inner : { rule: { not: inner.rule } };
  }
  if (kind === "and" || kind === "or") {
    const list = v[kind];
    if (!Array.isArray(list)) return { wrong: join(at, kind) };
    const parts: Rule[] = [];
    for (const [i, part] of list.entries()) {
      const r = readRule(part, join(at, `${kind}.${i}`), depth + 1);
      if ("wrong" in r) return r;
      parts.push(r.rule);
    }
    return { rule: makeGroup(kind, parts) };
  }
  if (kind === "household") {
    const h = v.household;
    const place = join(at, "household");
    if (!isObject(h) || !isRole(h.role)) return { wrong: place };
    const who = quantifiers.filter((q) => q in h);
    const q = who[0];
    if (who.length !== 1 || q === undefined) return { wrong: place };
    const inner = readRule(h[q], join(place, q), depth + 1);
    return "wrong" in inner ? inner : { rule: makeHousehold(q, inner.rule, h.role) };
  }
  if (kind === "random")
    return isRandomPart(v.random) ? { rule: v as unknown as Rule } : { wrong: join(at, kind) };
  if (kind === "sequence") {
    if (!Array.isArray(v.sequence) || !v.sequence.every(isStep)) return { wrong: join(at, kind) };
    if (v.within !== undefined && !isLength(v.within)) return { wrong: join(at, "within") };
    return { rule: v as unknown as Rule };
  }
  if (typeof v[kind] !== "string") return { wrong: join(at, kind) };
  if (kind === "trait") {
    if (!isTraitOp(v.op)) return { wrong: join(at, "op") };
    if (!isOperand(v.op, v.value)) return { wrong: join(at, "value") };
    if (!isZone(v.tz)) return { wrong: join(at, "tz") };
  }
  if (kind === "segment" && v.for !== undefined && !isLength(v.for)) return { wrong: join(at, "for") };
  if (kind === "event") {
    if (v.where !== undefined && !(Array.isArray(v.where) && v.where.every(isCondition)))
      return { wrong: join(at, "where") };
    for (const [name, ok] of Object.entries(eventFields))
      if (v[name] !== undefined && !ok(v[name])) return { wrong: join(at, name) };
  }
  return { rule: v as unknown as Rule };
}

/** What can be used of a rule in a damaged link: parts that cannot be read are left out, and the rest stands. */
export function salvageRule(v: unknown, depth = 0): Rule | undefined {
  if (!isObject(v) || depth > deepest) return undefined;
  const whole = readRule(v, "", depth);
  if ("rule" in whole) return whole.rule;
  if ("not" in v) {
    const inner = salvageRule(v.not, depth + 1);
    return inner && { not: inner };
  }
  if (isObject(v.household)) {
    const h = v.household;
    const q = quantifiers.find((x) => x in h);
    const inner = q && salvageRule(h[q], depth + 1);
    return q && inner && makeHousehold(q, inner, isRole(h.role) ? h.role : undefined);
  }
  for (const kind of ["and", "or"] as const) {
    if (!Array.isArray(v[kind])) continue;
    const parts = v[kind].map((part) => salvageRule(part, depth + 1)).filter((part) => part !== undefined);
    return makeGroup(kind, parts);
  }
  if (typeof v.trait === "string") return salvageTrait(v.trait, v.op, v.value);
  if (typeof v.segment === "string") return { segment: v.segment };
  if ("random" in v) return { random: { salt: "", from: 0, to: 10 } };
  if (Array.isArray(v.sequence)) {
    const steps = v.sequence.filter(isStep);
    return { sequence: steps, ...(isLength(v.within) ? { within: v.within } : {}) };
  }
  if (typeof v.event !== "string") return undefined;
  const where = Array.isArray(v.where) ? v.where.filter(isCondition) : [];
  return {
    event: v.event,
    ...(where.length > 0 ? { where } : {}),
    ...Object.fromEntries(
      Object.entries(eventFields).flatMap(([name, ok]) => (ok(v[name]) ? [[name, v[name]]] : [])),
    ),
  };
}

function salvageTrait(trait: string, op: unknown, value: unknown): Rule {
  const known = isTraitOp(op) ? op : "eq";
  return { trait, op: known, ...(isOperand(known, value) ? { value } : {}) };
}

/** How deep rules may nest: the builder offers less, and a link must not cost the page its stack. */
const deepest = 32;
const isRole = (v: unknown): v is HouseholdRole | undefined =>
  v === undefined || householdRoles.some((r) => r === v);
const isOp = (v: unknown): v is ConditionOp => typeof v === "string" && ops.includes(v);
const isTraitOp = (v: unknown): v is TraitOp => typeof v === "string" && traitOps.includes(v);
const isMaybeNumber = (v: unknown) => v === undefined || typeof v === "number";
const isRandomPart = (v: unknown) =>
  isObject(v) && typeof v.salt === "string" && isMaybeNumber(v.from) && isMaybeNumber(v.to);
/** A value that an operator can be shown with: one that is not finished is fine. */
function isOperand(op: TraitOp, v: unknown): boolean {
  if (op === "near") return v === undefined || (isObject(v) && Object.values(v).every(isMaybeNumber));
  if (v === undefined) return true;
  if (takesLength(op)) return isLength(v);
  if (takesMoment(op)) return isMoment(v);
  if (op === "anniversary") return Number.isSafeInteger(v);
  return isValue(v);
}
const isLength = (v: unknown): v is string => typeof v === "string" && parseLength(v) !== null;
const isCount = (v: unknown): v is NonNullable<EventRule["count"]> =>
  isObject(v) &&
  ["gte", "lte", "eq"].includes(String(v.op)) &&
  typeof v.value === "number" &&
  Number.isSafeInteger(v.value) &&
  v.value >= 0;

const isStep = (v: unknown): v is SequenceStep =>
  isObject(v) &&
  typeof v.event === "string" &&
  (v.where === undefined || (Array.isArray(v.where) && v.where.every(isCondition))) &&
  (v.within === undefined || isLength(v.within)) &&
  (v.not === undefined || typeof v.not === "boolean");
const isText = (v: unknown): v is string => typeof v === "string";
const isAmount = (v: unknown) =>
  isObject(v) &&
  isText(v.property) &&
  ["gte", "gt", "lte", "lt", "eq"].includes(String(v.op)) &&
  (v.value === undefined || typeof v.value === "number");
const isMeasured = (v: unknown) =>
  isObject(v) && isText(v.property) && isOp(v.op) && isOperand(v.op, v.value);
const isZone = (v: unknown) => v === undefined || isText(v);
const isMoment = (v: unknown) => isText(v) && !Number.isNaN(Date.parse(v));

/** What an event condition may say beside the event and its filters. */
const eventFields: Record<string, (v: unknown) => boolean> = {
  count: isCount,
  distinct: (v) => isCount(v) && isText((v as Record<string, unknown>).property),
  days: (v) => isCount(v) && isZone((v as Record<string, unknown>).tz),
  sum: isAmount,
  avg: isAmount,
  min: isAmount,
  max: isAmount,
  first: isMeasured,
  last: isMeasured,
  within: isLength,
  ago: (v) => isObject(v) && isLength(v.from) && isLength(v.to),
  calendar: (v) =>
    isObject(v) &&
    periods.some((p) => p === v.unit) &&
    (v.back === undefined || (Number.isSafeInteger(v.back) && Number(v.back) >= 0)) &&
    isZone(v.tz),
  since: isMoment,
  until: isMoment,
};

/** A value that a condition can be compared with, or a list of them. */
function isValue(v: unknown): boolean {
  if (Array.isArray(v)) return v.every((x) => x !== undefined && !Array.isArray(x) && isValue(x));
  return v === null || ["undefined", "string", "number", "bigint", "boolean"].includes(typeof v);
}

export function isCondition(v: unknown): v is Condition {
  const isName = (x: unknown) => x === undefined || typeof x === "string";
  return (
    isObject(v) &&
    isOp(v.op) &&
    isOperand(v.op, v.value) &&
    isName(v.property) &&
    isName(v.context) &&
    isName(v.dimension) &&
    isName(v.household)
  );
}

/** Every segment that a rule refers to. */
export function segmentsIn(rule: Rule | null): string[] {
  if (!rule) return [];
  if (isNot(rule)) return segmentsIn(rule.not);
  if (isSegment(rule)) return [rule.segment];
  if (isHousehold(rule)) return segmentsIn(membersOf(rule).of);
  return groupOf(rule)?.of.flatMap(segmentsIn) ?? [];
}

/** "30d" → 30 and "d"; null for what is not a length of time. */
export function parseLength(s: string | undefined): { n: number; unit: "m" | "h" | "d" | "w" | "s" } | null {
  const m = /^(\d{1,8})([smhdw])$/.exec(s ?? "");
  return m ? { n: Number(m[1]), unit: m[2] as "m" | "h" | "d" } : null;
}
