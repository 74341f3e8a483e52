import { parseJson } from "@/lib/json";
import type { TagDefinition, TagKind } from "./queries";

/** A tag as it stands in the form. */
export interface TagDraft {
  name: string;
  key: string;
  kind: TagKind;
  folder: string;
  owner: string;
  description: string;
  rules: { id: number; value: string; segment: string | undefined }[];
  sql: string;
  every: number;
  taxonomy: string | undefined;
  level: number;
  top: number;
  least: number;
  halfLifeDays: number;
  events: { id: number; event: string; property: string; weight: number }[];
  maxAge: number;
  expires: number;
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
  taxonomy: undefined,
  level: 1,
  top: 1,
  least: 1,
  halfLifeDays: 14,
  events: [{ id: 1, event: "", property: "", weight: 1 }],
  maxAge: 0,
  expires: 0,
});

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
        rules: d.rules.map((r) => ({ value: typedValue(r.value), rule: { segment: r.segment ?? "" } })),
      };
    case "sql":
      return { ...age, sql: d.sql, every_minutes: d.every };
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
      return d.rules.every((r) => r.value.trim() !== "" && r.segment);
    case "sql":
      return d.sql.trim() !== "";
    case "interest":
      return d.taxonomy !== undefined && d.events.every((e) => e.event !== "" && e.property !== "");
    default:
      return true;
  }
}
