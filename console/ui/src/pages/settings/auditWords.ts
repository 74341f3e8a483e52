import type { AuditFilter } from "@/api/queries";
import type { AuditEntry } from "@/api/types";
import { compact } from "@/lib/search";
import { addDays, dayOf, startOfDay } from "@/lib/zone";
import type { SettingsSearch } from "./search";

/** "source.rotate" is done to a "source"; "setup" to nothing that has a name. */
export const thingOf = (action: string): string => (action.includes(".") ? action.replace(/\..*$/, "") : "");

/** The actions to choose from, with "all of a thing" before the single ones of each. */
export function actionChoices(actions: readonly string[]): string[] {
  const out: string[] = [];
  for (const a of [...new Set(actions)].toSorted()) {
    const thing = thingOf(a);
    const all = `${thing}.*`;
    if (thing !== "" && !out.includes(all) && actions.filter((x) => thingOf(x) === thing).length > 1)
      out.push(all);
    out.push(a);
  }
  return out;
}

export type AuditPlace =
  | { to: "/segments/$id"; params: { id: string } }
  | { to: "/collect/sources"; search: { source: string } }
  | { to: "/collect/imports"; search: { open: string } }
  | { to: "/people/$ref"; params: { ref: string } }
  | { to: "/settings"; search: { tab: "users" | "keys" | "mail" | "organisation" } };

/** Where a thing can be looked at; null when it is gone, or has no page. */
export function placeOf(
  e: Pick<AuditEntry, "action" | "target">,
  there: (id: string) => boolean,
): AuditPlace | null {
  const thing = thingOf(e.action);
  if (thing === "settings") return { to: "/settings", search: { tab: "organisation" } };
  if (thing === "mail") return { to: "/settings", search: { tab: "mail" } };
  // A person who was merged away leads to the one they are now.
  if (thing === "person" && e.target !== "") return { to: "/people/$ref", params: { ref: e.target } };
  if (e.target === "" || !there(e.target)) return null;
  switch (thing) {
    case "segment":
      return { to: "/segments/$id", params: { id: e.target } };
    case "source":
      return { to: "/collect/sources", search: { source: e.target } };
    case "import":
      return { to: "/collect/imports", search: { open: e.target } };
    case "user":
      return { to: "/settings", search: { tab: "users" } };
    case "api_key":
      return { to: "/settings", search: { tab: "keys" } };
    default:
      return null;
  }
}

/** The detail of an entry as lines; objects within it are left to the reader of JSON. */
export function detailLines(detail: Record<string, unknown>): { key: string; value: unknown }[] {
  const out: { key: string; value: unknown }[] = [];
  for (const [key, value] of Object.entries(detail)) {
    // The settings come as {organisation: {…}}.
    if (typeof value === "object" && value !== null && !Array.isArray(value) && key === "organisation")
      out.push(...Object.entries(value).map(([k, v]) => ({ key: k, value: v as unknown })));
    else out.push({ key, value });
  }
  return out;
}

/** What the address asks of the server. */
export function auditFilter(s: SettingsSearch, timeZone: string, now = Date.now()): AuditFilter {
  const days = Number.parseInt(s.within ?? "", 10);
  return compact({
    q: s.q,
    actor: s.actor,
    action: s.action,
    target: s.target,
    from: s.within && startOfDay(addDays(dayOf(now, timeZone), 1 - days), timeZone).toISOString(),
  }) as AuditFilter;
}
