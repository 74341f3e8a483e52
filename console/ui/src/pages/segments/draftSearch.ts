import type { Rule } from "@/api/types";
import { salvageRule } from "@/lib/rule";
import { compact, oneOf, str } from "@/lib/search";

/** The draft of a segment. It is in the address, so that a half-built rule can be shared and reloaded. */
export interface DraftSearch {
  name?: string;
  description?: string;
  purpose?: string;
  rule?: Rule;
  view?: "json" | "text";
}

export function draftSearch(raw: Record<string, unknown>): DraftSearch {
  return compact({
    name: str(raw, "name"),
    description: str(raw, "description"),
    purpose: str(raw, "purpose"),
    rule: salvageRule(raw.rule),
    view: oneOf(raw, "view", ["json", "text"] as const),
  });
}
