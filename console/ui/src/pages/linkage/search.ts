import { compact, flag, oneOf, str } from "@/lib/search";

type Raw = Record<string, unknown>;

export const linkageTabs = ["pairs", "model"] as const;
export const pairStates = ["review", "linked", "rejected", "refused"] as const;
export type PairState = (typeof pairStates)[number];

export const linkageSearch = (
  raw: Raw,
): { tab?: (typeof linkageTabs)[number]; state?: PairState; pair?: string; settings?: true } =>
  compact({
    tab: oneOf(raw, "tab", linkageTabs),
    state: oneOf(raw, "state", pairStates),
    pair: str(raw, "pair"),
    settings: flag(raw, "settings"),
  });
