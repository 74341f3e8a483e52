import { compact, str } from "@/lib/search";

/** The tag that is open; "new" is the form. */
export const tagsSearch = (raw: Record<string, unknown>): { tag?: string } =>
  compact({ tag: str(raw, "tag") });
