import { compact, flag, oneOf } from "@/lib/search";

type Raw = Record<string, unknown>;

export const orders = ["revenue", "size", "score"] as const;
export type Order = (typeof orders)[number];

export const householdsSearch = (raw: Raw): { order?: Order; children?: true; rules?: true } =>
  compact({ order: oneOf(raw, "order", orders), children: flag(raw, "children"), rules: flag(raw, "rules") });

export const householdSearch = (raw: Raw): { join?: true } => compact({ join: flag(raw, "join") });
