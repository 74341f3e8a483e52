import { compact, flag, oneOf, str } from "@/lib/search";

type Raw = Record<string, unknown>;

export const orders = ["revenue", "size", "score"] as const;
export type Order = (typeof orders)[number];

/** From how many members on households are listed. */
export const sizes = ["2", "3", "4", "5"] as const;
export type Size = (typeof sizes)[number];

export const householdsSearch = (
  raw: Raw,
): { q?: string; order?: Order; size?: Size; children?: true; rules?: true } =>
  compact({
    q: str(raw, "q"),
    order: oneOf(raw, "order", orders),
    size: oneOf(raw, "size", sizes),
    children: flag(raw, "children"),
    rules: flag(raw, "rules"),
  });

export const householdSearch = (raw: Raw): { join?: true } => compact({ join: flag(raw, "join") });
