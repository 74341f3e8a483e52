import { compact, str } from "@/lib/search";

export const qualitySearch = (raw: Record<string, unknown>): { source?: string } =>
  compact({ source: str(raw, "source") });
