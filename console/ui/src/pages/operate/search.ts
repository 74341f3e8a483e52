import { compact, str } from "@/lib/search";

/** `reactor` is the one whose details are open. */
export const reactorsSearch = (raw: Record<string, unknown>): { reactor?: string } =>
  compact({ reactor: str(raw, "reactor") });
