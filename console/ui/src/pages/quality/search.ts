import { compact, str } from "@/lib/search";

export const qualitySearch = (raw: Record<string, unknown>): { source?: string; impact?: string } =>
  compact({ source: str(raw, "source"), impact: str(raw, "impact") });
