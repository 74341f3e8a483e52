import type { Rule } from "@/api/types";
import { salvageRule } from "@/lib/rule";
import { compact, list, oneOf, str } from "@/lib/search";
import { addDays, isDayKey, startOfDay } from "@/lib/zone";
import type { Told } from "./doors";

type Raw = Record<string, unknown>;

/** What of the explorer is in the address: every view can be shared. */
export interface ExplorerSearch {
  /** A past day: who would have been in at its end. */
  at?: string;
  /** Segments beside which it is laid. */
  with?: string[];
  /** Traits and tags of the portrait. */
  fields?: string[];
  /** Of the course of its size; by the age of the segment otherwise. */
  interval?: "hour" | "day";
  /** Whose people are shown beside the page: a step of the waterfall, or an intersection. */
  step?: string;
  told?: Told;
  meet?: string;
}

/** Sets that an overlap compares, the explored one included, as the server takes them. */
export const maxSets = 10;
export const maxFields = 20;

export function explorerSearch(raw: Raw): ExplorerSearch {
  const at = str(raw, "at");
  return compact({
    at: at && isDayKey(at) ? at : undefined,
    with: list(raw, "with")?.slice(0, maxSets - 1),
    fields: list(raw, "fields")?.slice(0, maxFields),
    interval: oneOf(raw, "interval", ["hour", "day"] as const),
    step: str(raw, "step"),
    told: oneOf(raw, "told", ["lost", "only", "condition"] as const),
    meet: /^\d(-\d)*$/.test(str(raw, "meet") ?? "") ? str(raw, "meet") : undefined,
  });
}

export interface DraftExplorerSearch extends ExplorerSearch {
  name?: string;
  rule?: Rule;
}

export const draftExplorerSearch = (raw: Raw): DraftExplorerSearch =>
  compact({ ...explorerSearch(raw), name: str(raw, "name"), rule: salvageRule(raw.rule) });

/** The moment at which a day ends, or undefined for now: what is still to come cannot be told. */
export function endOf(day: string | undefined, timeZone: string, now: number): string | undefined {
  if (!day) return undefined;
  const end = startOfDay(addDays(day, 1), timeZone);
  return end.getTime() >= now ? undefined : end.toISOString();
}
