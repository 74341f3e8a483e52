import { compact, oneOf, str } from "@/lib/search";

type Raw = Record<string, unknown>;

export const segmentTabs = ["members", "changes", "history", "versions"] as const;
export type SegmentTab = (typeof segmentTabs)[number];

export const segmentsSearch = (raw: Raw): { q?: string; folder?: string } =>
  compact({ q: str(raw, "q"), folder: str(raw, "folder") });
export const segmentSearch = (raw: Raw): { tab?: SegmentTab } =>
  compact({ tab: oneOf(raw, "tab", segmentTabs) });
