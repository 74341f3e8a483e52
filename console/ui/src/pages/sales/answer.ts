import type { QueryResult } from "@/api/types";

export const evidences = ["identifier", "probable", "household", "none"] as const;
export type Evidence = (typeof evidences)[number];

/** Sales of one group and interval, by the evidence that ties them to somebody who is known online. */
export interface Sales {
  time: string;
  group: string | null;
  events: Record<Evidence, number> & { all: number };
  revenue: (Record<Evidence, number> & { all: number }) | null;
}

/** Rows of a question of kind "matched". */
export function readSales(result: QueryResult): Sales[] {
  const at = (name: string) => result.columns.findIndex((c) => c.name === name);
  const grouped = at("events") > 1;
  const part = (row: readonly unknown[], of: "events" | "revenue") => {
    const first = at(of);
    if (first < 0) return null;
    const [all = 0, identifier = 0, probable = 0, household = 0] = row.slice(first, first + 4).map(Number);
    return {
      all,
      identifier,
      probable,
      household,
      none: Math.max(0, all - identifier - probable - household),
    };
  };
  return result.rows.map((row) => ({
    time: String(row[0]),
    group: grouped && row[1] !== null ? String(row[1]) : null,
    events: part(row, "events") as Sales["events"],
    revenue: part(row, "revenue"),
  }));
}

type Sums = Record<Evidence, number> & { all: number };
const zero = (): Sums => ({ all: 0, identifier: 0, probable: 0, household: 0, none: 0 });

/** Adds up sales. */
export function sumOf(list: readonly Sales[], of: "events" | "revenue"): Sums {
  const sum = zero();
  for (const s of list) {
    const v = s[of];
    if (v) for (const key of ["all", ...evidences] as const) sum[key] += v[key];
  }
  return sum;
}

/** The share whose person is known online; null where there are no sales. */
export const shareOf = (s: Sums): number | null => (s.all > 0 ? (s.all - s.none) / s.all : null);

/** Sales by group, the largest first. */
export function byGroup(list: readonly Sales[]): { group: string | null; sales: Sales[] }[] {
  const groups = new Map<string | null, Sales[]>();
  for (const s of list) groups.set(s.group, [...(groups.get(s.group) ?? []), s]);
  return [...groups]
    .map(([group, sales]) => ({ group, sales }))
    .sort((a, b) => sumOf(b.sales, "events").all - sumOf(a.sales, "events").all);
}
