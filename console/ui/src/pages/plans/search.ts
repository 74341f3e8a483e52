import { compact, flag, oneOf, str } from "@/lib/search";

type Raw = Record<string, unknown>;

export const beginnings = ["observed", "protocols", "sensors", "empty"] as const;
export type Beginning = (typeof beginnings)[number];

export const planTabs = ["events", "preview", "breaches", "revisions"] as const;
export type PlanTab = (typeof planTabs)[number];

export const spans = ["24", "168", "720"] as const;
export type Span = (typeof spans)[number];

export const plansSearch = (raw: Raw): { create?: Beginning; q?: string } =>
  compact({ create: oneOf(raw, "create", beginnings), q: str(raw, "q") });

/** `event` is open in the editor; `hours` is how far back breaches are shown. */
export const planSearch = (
  raw: Raw,
): { tab?: PlanTab; event?: string; q?: string; hours?: Span; publish?: true } =>
  compact({
    tab: oneOf(raw, "tab", planTabs),
    event: str(raw, "event"),
    q: str(raw, "q"),
    hours: oneOf(raw, "hours", spans),
    publish: flag(raw, "publish"),
  });
