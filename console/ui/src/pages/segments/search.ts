import { compact, oneOf, str } from "@/lib/search";

type Raw = Record<string, unknown>;

export const segmentTabs = ["members", "changes", "history"] as const;
export type SegmentTab = (typeof segmentTabs)[number];

export const segmentsSearch = (raw: Raw): { q?: string } => compact({ q: str(raw, "q") });
export const segmentSearch = (raw: Raw): { tab?: SegmentTab } =>
  compact({ tab: oneOf(raw, "tab", segmentTabs) });
