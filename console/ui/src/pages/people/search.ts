import { compact, oneOf, str } from "@/lib/search";

type Raw = Record<string, unknown>;

export const personTabs = ["timeline", "traits", "identity"] as const;
export type PersonTab = (typeof personTabs)[number];

export interface PeopleSearch {
  q?: string;
}
export interface PersonSearch {
  tab?: PersonTab;
  event?: string;
  /** The two identifiers whose connection is explained, as kind:value. */
  from?: string;
  to?: string;
}

export const peopleSearch = (raw: Raw): PeopleSearch => compact({ q: str(raw, "q") });

export const personSearch = (raw: Raw): PersonSearch =>
  compact({
    tab: oneOf(raw, "tab", personTabs),
    event: str(raw, "event"),
    from: str(raw, "from"),
    to: str(raw, "to"),
  });
