import { compact, oneOf } from "@/lib/search";

export const consentTabs = ["policy", "numbers", "versions", "preview"] as const;
export type ConsentTab = (typeof consentTabs)[number];

export const consentSearch = (raw: Record<string, unknown>): { tab?: ConsentTab } =>
  compact({ tab: oneOf(raw, "tab", consentTabs) });
