import { compact, oneOf, str } from "@/lib/search";
import { type ExplorerSearch, explorerSearch } from "./explorer/search";

type Raw = Record<string, unknown>;

export const segmentTabs = ["explore", "members", "changes", "history", "versions"] as const;
export type SegmentTab = (typeof segmentTabs)[number];

export const segmentsSearch = (raw: Raw): { q?: string; folder?: string } =>
  compact({ q: str(raw, "q"), folder: str(raw, "folder") });
export const segmentSearch = (raw: Raw): { tab?: SegmentTab } & ExplorerSearch =>
  compact({ ...explorerSearch(raw), tab: oneOf(raw, "tab", segmentTabs) });
