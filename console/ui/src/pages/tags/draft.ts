import { formatJson, parseJson } from "@/lib/json";
import type { Tag, TagDefinition, TagKind } from "./queries";

/** A tag as it stands in the form. */
export interface TagDraft {
  name: string;
  key: string;
  kind: TagKind;
  folder: string;
  owner: string;
  description: string;
  /** rule is one that says more than who is in a segment: it stays as it was written. */
  rules: { id: number; value: string; segment: string | undefined; rule?: Record<string, unknown> }[];
  sql: string;
  every: number;
  /** What a query goes by, so that the silence of their sources is told. */
  sqlEvents: string[];
  taxonomy: string | undefined;
  level: number;
  top: number;
  least: number;
  halfLifeDays: number;
  events: { id: number; event: string; property: string; weight: number }[];
  maxAge: number;
  expires: number;
  note: string;
}

export const newDraft = (): TagDraft => ({
  name: "",
  key: "",
  kind: "rule",
  folder: "",
  owner: "",
  description: "",
  rules: [{ id: 1, value: "", segment: undefined }],
  sql: "select person, count(*) as value\nfrom events\nwhere event = 'Order Completed'\ngroup by person",
  every: 60,
  sqlEvents: [],
  taxonomy: undefined,
  level: 1,
  top: 1,
  least: 1,
  halfLifeDays: 14,
  events: [{ id: 1, event: "", property: "", weight: 1 }],
  maxAge: 0,
  expires: 0,
  note: "",
});

/** A tag as the form shows it: with the definition that is edited, that of its draft or of the version in use. */
export function draftOf(tag: Tag, d: TagDefinition): TagDraft {
  const empty = newDraft();
  const i = d.interest;
  return {
    ...empty,
    name: tag.name,
    key: tag.key,
    kind: tag.kind,
    folder: tag.folder,
    owner: tag.owner,
    description: tag.description,
    rules:
      d.rules?.map((r, n) => ({ id: n + 1, value: textOfValue(r.value), ...asked(r.rule) })) ?? empty.rules,
    sql: d.sql ?? empty.sql,
    every: d.every_minutes ?? 0,
    sqlEvents: d.events ?? [],
    ...(i && {
      taxonomy: i.taxonomy,
      level: i.level,
      top: i.top,
      least: i.least,
      halfLifeDays: i.half_life_hours / 24,
      events: i.events.map((e, n) => ({ ...e, id: n + 1 })),
    }),
    maxAge: d.max_age_minutes ?? 0,
    expires: d.expires_hours ?? 0,
  };
}

function asked(rule: Record<string, unknown>): {
  segment: string | undefined;
  rule?: Record<string, unknown>;
} {
  const { segment } = rule;
  return typeof segment === "string" && Object.keys(rule).length === 1
    ? { segment }
    : { segment: undefined, rule };
}

/** A value as one types it. */
export const textOfValue = (value: unknown): string =>
  typeof value === "string" ? value : formatJson(value);

/** Numbers, true and false as such, everything else as text: what people type is rarely meant as JSON. */
export function typedValue(text: string): unknown {
  const trimmed = text.trim();
  if (trimmed === "true" || trimmed === "false") return trimmed === "true";
  if (/^-?\d+(\.\d+)?$/.test(trimmed)) return parseJson(trimmed.replace(/^(-?)0+(?=\d)/, "$1"));
  return trimmed;
}

/** What the form says, as the server reads it. */
export function definitionOf(d: TagDraft): TagDefinition {
  const age = d.maxAge > 0 ? { max_age_minutes: d.maxAge } : {};
  switch (d.kind) {
    case "rule":
      return {
        ...age,
        rules: d.rules.map((r) => ({
          value: typedValue(r.value),
          rule: r.rule ?? { segment: r.segment ?? "" },
        })),
      };
    case "sql":
      return {
        ...age,
        ...(d.expires > 0 ? { expires_hours: d.expires } : {}),
        sql: d.sql,
        every_minutes: d.every,
        ...(d.sqlEvents.length > 0 ? { events: d.sqlEvents } : {}),
      };
    case "interest":
      return {
        ...age,
        interest: {
          taxonomy: d.taxonomy ?? "",
          level: d.level,
          top: d.top,
          least: d.least,
          half_life_hours: d.halfLifeDays * 24,
          events: d.events.map(({ event, property, weight }) => ({ event, property, weight })),
        },
      };
    default:
      return { ...age, ...(d.expires > 0 ? { expires_hours: d.expires } : {}) };
  }
}

/** Whether all that the server needs is there. */
export function complete(d: TagDraft): boolean {
  if (d.name.trim() === "" || !/^[a-z][a-z0-9_]{0,59}$/.test(d.key)) return false;
  switch (d.kind) {
    case "rule":
      return d.rules.every((r) => r.value.trim() !== "" && (r.segment || r.rule));
    case "sql":
      return d.sql.trim() !== "";
    case "interest":
      return d.taxonomy !== undefined && d.events.every((e) => e.event !== "" && e.property !== "");
    default:
      return true;
  }
}
