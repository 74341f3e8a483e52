import { stableJson } from "@/lib/json";
import type { PlanDocument, PlannedEvent } from "./queries";
import { isSchema, rowsOf, type Schema } from "./schema";

export const defaults = ["unplanned_events", "unplanned_properties", "missing", "invalid"] as const;
export type Default = (typeof defaults)[number];

/** One difference between two documents. `path` is a property's place, `keys` what of it changed. */
export type Difference =
  | { kind: "default"; of: Default; from: string; to: string }
  | { kind: "event_added" | "event_removed"; event: string }
  | { kind: "event_changed"; event: string; keys: string[] }
  | { kind: "property_added" | "property_removed"; event: string; path: string }
  | { kind: "property_changed"; event: string; path: string; keys: string[] };

const schemaOf = (e: PlannedEvent): Schema => (isSchema(e.schema) ? e.schema : {});

/** What makes one document the other, events in the order of the later one. */
export function differences(before: PlanDocument, after: PlanDocument): Difference[] {
  const out: Difference[] = [];
  for (const of of defaults) {
    const [from, to] = [before[of] || "allow", after[of] || "allow"];
    if (from !== to) out.push({ kind: "default", of, from, to });
  }
  const was = new Map(before.events.map((e) => [e.name, e]));
  for (const e of after.events) {
    const earlier = was.get(e.name);
    if (!earlier) out.push({ kind: "event_added", event: e.name });
    else out.push(...ofEvent(earlier, e));
  }
  const now = new Set(after.events.map((e) => e.name));
  for (const e of before.events) if (!now.has(e.name)) out.push({ kind: "event_removed", event: e.name });
  return out;
}

function ofEvent(before: PlannedEvent, after: PlannedEvent): Difference[] {
  const out: Difference[] = [];
  const event = after.name;
  const keys: string[] = (["display_name", "description", "owner"] as const).filter(
    (k) => (before[k] ?? "") !== (after[k] ?? ""),
  );
  keys.push(...changedKeys(schemaOf(before), schemaOf(after)));
  if (keys.length > 0) out.push({ kind: "event_changed", event, keys });
  const was = new Map(rowsOf(schemaOf(before)).map((r) => [r.text, r]));
  const rows = rowsOf(schemaOf(after));
  for (const r of rows) {
    const earlier = was.get(r.text);
    if (!earlier) {
      out.push({ kind: "property_added", event, path: r.text });
      continue;
    }
    const changed = changedKeys(earlier.schema, r.schema);
    if (earlier.required !== r.required) changed.unshift("required");
    if (changed.length > 0) out.push({ kind: "property_changed", event, path: r.text, keys: changed });
  }
  const now = new Set(rows.map((r) => r.text));
  for (const path of was.keys()) if (!now.has(path)) out.push({ kind: "property_removed", event, path });
  return out;
}

// What is inside has lines of its own.
const inside = ["properties", "required", "items"];

function changedKeys(before: Schema, after: Schema): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (k) => !inside.includes(k) && stableJson(before[k] ?? null) !== stableJson(after[k] ?? null),
  );
}
