import type { Rows, Rule } from "@/api/types";

/** Whom a member or a key may see: people for whom one of the conditions holds; null is everybody. */
export type RowCondition = NonNullable<Rows>["any"][number];

/** How many conditions, and values of one, the server takes. */
export const maxConditions = 20;
export const maxValues = 200;

/** A condition that says whom it means. */
export const isWhole = (c: RowCondition): boolean => c.trait.trim() !== "" && (c.me || c.values.length > 0);

/** The same people as a rule of segments, to count them; null while a condition is not whole. me stands for the member. */
export function ruleOf(rows: Rows, me: string): Rule | null {
  if (!rows || rows.any.length === 0 || !rows.any.every(isWhole)) return null;
  const parts = rows.any.map((c) => ({
    trait: c.trait.trim(),
    op: "in" as const,
    value: c.me && me ? [...c.values, me] : c.values,
  }));
  const [first, ...more] = parts;
  return first && more.length === 0 ? first : { or: parts };
}
