import type { PersonFilter } from "@/api/queries";
import { compact, oneOf, str } from "@/lib/search";
import { addDays, dayOf, startOfDay } from "@/lib/zone";

type Raw = Record<string, unknown>;

export const personTabs = ["timeline", "traits", "identity", "consent"] as const;
export type PersonTab = (typeof personTabs)[number];

export const activeWithin = ["1d", "7d", "30d", "90d"] as const;

export interface PeopleSearch {
  q?: string;
  who?: "known" | "visitor";
  segment?: string;
  /** Of an identifier that they have. */
  kind?: string;
  channel?: string;
  active?: (typeof activeWithin)[number];
}
export interface RulesSearch {
  /** The kind whose rules are open. */
  kind?: string;
  /** The shared identifier, by its node, whose evidence is open. */
  shared?: string;
}
export interface PersonSearch {
  tab?: PersonTab;
  event?: string;
  /** The two identifiers whose connection is explained, as kind:value. */
  from?: string;
  to?: string;
}

export const peopleSearch = (raw: Raw): PeopleSearch =>
  compact({
    q: str(raw, "q"),
    who: oneOf(raw, "who", ["known", "visitor"] as const),
    segment: str(raw, "segment"),
    kind: str(raw, "kind"),
    channel: str(raw, "channel"),
    active: oneOf(raw, "active", activeWithin),
  });

/** What a search asks of the server. Activity counts whole days of the workspace, so that the question stays the same all day. */
export function personFilter(s: PeopleSearch, timeZone: string, now = Date.now()): PersonFilter {
  const days = Number.parseInt(s.active ?? "", 10);
  return compact({
    q: s.q,
    known: s.who && s.who === "known",
    segment: s.segment,
    kind: s.kind,
    channel: s.channel,
    seen_after: s.active && startOfDay(addDays(dayOf(now, timeZone), 1 - days), timeZone).toISOString(),
  }) as PersonFilter;
}

export const rulesSearch = (raw: Raw): RulesSearch =>
  compact({ kind: str(raw, "kind"), shared: str(raw, "shared") });

export const personSearch = (raw: Raw): PersonSearch =>
  compact({
    tab: oneOf(raw, "tab", personTabs),
    event: str(raw, "event"),
    from: str(raw, "from"),
    to: str(raw, "to"),
  });
