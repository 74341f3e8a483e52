import { useQueries, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { cataloguePropertiesQuery, catalogueTraitsQuery } from "@/api/queries";
import type { Condition, ConditionOp, TraitOp } from "@/api/types";
import { readNumber } from "@/lib/json";
import {
  lengthOps,
  listOps,
  momentOps,
  patternOps,
  takesLength,
  takesList,
  takesMoment,
  takesNoValue,
  takesText,
  textOps,
  versionOps,
} from "@/lib/rule";

/** What a condition or a breakdown looks at. */
export type Field = Pick<Condition, "property" | "context" | "dimension" | "household">;
export type FieldType = "string" | "number" | "boolean" | "unknown";

/** Columns that every event has. Session, and the event itself, are not worth a filter. */
export const dimensions = [
  "city",
  "country",
  "platform",
  "os",
  "channel",
  "page_path",
  "utm_source",
  "utm_medium",
  "utm_campaign",
  "utm_term",
  "utm_content",
  "source",
  "type",
] as const;

/** What is known of the household of today that a person counts in. */
export const householdTraits = [
  "size",
  "children",
  "payers",
  "orders",
  "revenue",
  "vehicles",
  "city",
  "tag",
] as const;
export type HouseholdTrait = (typeof householdTraits)[number];
export const isHouseholdTrait = (s: string): s is HouseholdTrait =>
  (householdTraits as readonly string[]).includes(s);

/** Paths into the context that Segment's libraries fill. */
export const contextPaths = [
  "page.path",
  "page.url",
  "page.referrer",
  "page.title",
  "campaign.source",
  "campaign.medium",
  "campaign.name",
  "locale",
  "os.name",
  "device.type",
  "device.model",
  "app.version",
  "network.carrier",
] as const;

export const fieldKey = (f: Field): string =>
  f.property
    ? `p:${f.property}`
    : f.context
      ? `c:${f.context}`
      : f.dimension
        ? `d:${f.dimension}`
        : f.household
          ? `h:${f.household}`
          : "";

export function fieldOfKey(key: string): Field {
  const name = key.slice(2);
  if (key.startsWith("c:")) return { context: name };
  if (key.startsWith("h:")) return isHouseholdTrait(name) ? { household: name } : {};
  return key.startsWith("d:") ? { dimension: name } : { property: name };
}

export const fieldName = (f: Field): string => f.property || f.context || f.dimension || f.household || "";

/** The most frequent type of what was seen. */
export function mainType(types: Record<string, number>): FieldType {
  const top = Object.entries(types).sort((a, b) => b[1] - a[1])[0]?.[0];
  return top === "string" || top === "number" || top === "boolean" ? top : "unknown";
}

/** The properties of some events together, the well-filled ones first. */
export function useProperties(events: readonly string[]): {
  items: { property: string; type: FieldType }[];
  loading: boolean;
} {
  const named = [...new Set(events)].filter((e) => e !== "" && e !== "*");
  const results = useQueries({ queries: named.map((e) => cataloguePropertiesQuery(e)) });
  const loading = results.some((r) => r.isPending);
  const stamp = results.map((r) => r.dataUpdatedAt).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: useQueries gives a new array each time
  const items = useMemo(() => {
    const found = new Map<string, { types: Record<string, number>; fill: number }>();
    for (const r of results) {
      for (const p of r.data?.items ?? []) {
        const x = found.get(p.property) ?? { types: {}, fill: 0 };
        for (const [type, n] of Object.entries(p.types)) x.types[type] = (x.types[type] ?? 0) + n;
        found.set(p.property, { types: x.types, fill: Math.max(x.fill, p.fill_rate) });
      }
    }
    return [...found]
      .sort((a, b) => b[1].fill - a[1].fill)
      .map(([property, x]) => ({ property, type: mainType(x.types) }));
  }, [stamp]);
  return { items, loading };
}

export function useTraitTypes(): { trait: string; type: FieldType }[] {
  const items = useQuery(catalogueTraitsQuery).data?.items;
  return useMemo(
    () => (items ?? []).map((x) => ({ trait: x.trait, type: mainType({ [x.type]: 1 }) })),
    [items],
  );
}

/** Operators as they are offered: the usual ones first, then those of a kind of value. */
export interface OpGroup<Op extends TraitOp = TraitOp> {
  group: "usual" | "pattern" | "list" | "version" | "place" | "time";
  ops: readonly Op[];
}

const usual = ["eq", "neq"] as const;
const ordered = ["gt", "gte", "lt", "lte"] as const;
const always = ["in", "not_in", "exists", "not_exists"] as const;
const lists: OpGroup<ConditionOp> = { group: "list", ops: listOps };
const texts: readonly OpGroup<ConditionOp>[] = [
  { group: "pattern", ops: patternOps },
  { group: "version", ops: versionOps },
  { group: "place", ops: ["near"] },
];
const times: OpGroup = { group: "time", ops: [...lengthOps, ...momentOps, "anniversary"] };
const groupsByType: Record<FieldType, readonly OpGroup<ConditionOp>[]> = {
  string: [{ group: "usual", ops: [...usual, ...textOps, ...always] }, ...texts],
  number: [{ group: "usual", ops: [...usual, ...ordered, ...always] }],
  boolean: [{ group: "usual", ops: [...usual, "exists", "not_exists"] }],
  unknown: [{ group: "usual", ops: [...usual, ...ordered, ...textOps, ...always] }, lists, ...texts],
};

/** The operators that make sense for a type, those of moments for traits only; one that is in use stays. */
export function opGroups(type: FieldType, used?: TraitOp, trait = false): readonly OpGroup[] {
  const groups: OpGroup[] = [...groupsByType[type]];
  if (trait && type !== "boolean") groups.push(times);
  if (used && !groups.some((g) => g.ops.includes(used))) groups.push({ group: "usual", ops: [used] });
  return groups;
}

export const opsFor = (type: FieldType, used?: TraitOp, trait = false): readonly TraitOp[] =>
  opGroups(type, used, trait).flatMap((g) => g.ops);

/** Of an event's properties, which are no moments. */
export const conditionOpsFor = (type: FieldType): readonly ConditionOp[] =>
  groupsByType[type].flatMap((g) => g.ops);

/** What was typed as a value of the type: "12" is a number where numbers are expected. */
export function readValue(text: string, type: FieldType, op: TraitOp): string | number | bigint | boolean {
  if (takesText(op)) return text;
  const isOrdered = op === "gt" || op === "gte" || op === "lt" || op === "lte";
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  if (type === "number" || (type === "unknown" && isOrdered)) return readNumber(text) ?? text;
  return text;
}

/** What kind of thing an operator compares with. */
const operandOf = (op: TraitOp) =>
  takesLength(op)
    ? "length"
    : takesMoment(op)
      ? "moment"
      : op === "near" || op === "anniversary"
        ? op
        : "value";

/** Keeps of a value what still fits after another operator was chosen. */
export function convertValue(value: unknown, from: TraitOp, to: TraitOp): unknown {
  if (takesNoValue(to)) return undefined;
  if (operandOf(from) !== operandOf(to) || operandOf(to) !== "value") {
    if (operandOf(from) === operandOf(to)) return value;
    if (takesLength(to)) return "30d";
    if (to === "anniversary") return 7;
    return takesList(to) ? [] : undefined;
  }
  if (takesList(to) && !takesList(from)) return value === undefined || value === "" ? [] : [value];
  if (!takesList(to) && takesList(from)) return Array.isArray(value) ? value[0] : undefined;
  if (takesText(to) && value !== undefined) return String(value);
  return value;
}
