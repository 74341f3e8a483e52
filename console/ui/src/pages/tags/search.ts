import { compact, flag, str } from "@/lib/search";

/** The tag that is open, and whether in its form; "new" is a new one. */
export const tagsSearch = (raw: Record<string, unknown>): { tag?: string; edit?: true } =>
  compact({ tag: str(raw, "tag"), edit: flag(raw, "edit") });
