import type { components } from "../src/api/schema";
import { type Asked, ago, empty, find, page } from "./server.ts";
import { people } from "./world.ts";

type S = components["schemas"];
type Whole = S["Household"];

const roles = [["payer", "driver"], ["user"], ["child"]] as S["HouseholdMiniature"]["roles"][];

const households: Whole[] = Array.from({ length: 24 }, (_, i) => {
  const some = people.slice(i * 3, i * 3 + 2 + (i % 2));
  const members = some.map((p, at): S["HouseholdMember"] => ({
    id: p.summary.id,
    name: at === 2 ? null : p.summary.name,
    roles: roles[at] ?? [],
    child: at === 2,
    current: true,
    times: [{ from: ago(700 - i), until: null }],
    score: 0.97 - at * 0.2,
    orders: 12 - at * 4,
    revenue: 18_240 - at * 9000,
    first_seen: ago(700 - i),
    last_seen: ago(at),
    evidence: [
      {
        kind: "address",
        value: "杭州市西湖区天目山路 99 号 3 幢 1801 室",
        first: ago(700 - i),
        last: ago(3),
        days: 14,
        weight: 0.9,
        shared: some.length,
      },
      { kind: "payment", value: "···· 8812", first: ago(400), last: ago(9), days: 6, weight: 0.7, shared: 2 },
    ],
    other_households: [],
  }));
  return {
    id: `h_${i + 1}`,
    size: members.length,
    children: members.filter((m) => m.child).length,
    orders: members.reduce((n, m) => n + m.orders, 0),
    revenue: members.reduce((n, m) => n + m.revenue, 0),
    revenue_365: members.reduce((n, m) => n + m.revenue, 0) / 2,
    payers: members.filter((m) => m.revenue > 0).length,
    vehicles: i % 3,
    cities: ["杭州"],
    first_seen: ago(700 - i),
    last_seen: ago(0.2),
    members,
    tags: i % 5 === 0 ? [{ tag: "VIP", actor: "usr_1", at: ago(20) }] : [],
    decisions:
      i % 5 === 0
        ? [
            {
              who: members[0]?.id ?? "",
              with: members[1]?.id ?? "",
              verdict: "together",
              actor: "usr_1",
              at: ago(4),
            },
          ]
        : [],
  };
});

const summary = (h: Whole): S["HouseholdSummary"] => ({
  id: h.id,
  size: h.size,
  children: h.children,
  orders: h.orders,
  revenue: h.revenue,
  revenue_365: h.revenue_365,
  payers: h.payers,
  vehicles: h.vehicles,
  tags: h.tags.map((x) => x.tag),
  score: Math.min(...h.members.map((m) => m.score)),
  since: h.first_seen,
  members: h.members.map(({ id, name, roles, child }) => ({ id, name, roles, child })),
});

const rules: S["HouseholdRulesView"] = {
  threshold: 0.5,
  rules: (["address", "payment", "device", "declared", "vehicle"] as const).map((kind) => ({
    kind,
    on: true,
    weight: 0.8,
    most: 10,
    least: 1,
    fresh: 0,
    events: [],
    fields: [kind],
  })),
  night_from: 20,
  night_to: 7,
  paid: ["Order Completed"],
  paid_fields: ["amount"],
  born_fields: ["birthday"],
  role_fields: ["role"],
  name_fields: ["name"],
  version: 0,
  actor: "",
  set_at: null,
  default: true,
};

/** Who lives together. `rules` are those that the program comes with. */
export function answerHouseholds({ path, q }: Asked): unknown {
  const [part] = path;
  if (!part) return page(households.map(summary), q);
  if (part === "totals")
    return {
      households: empty ? 0 : households.length,
      persons: empty ? 0 : households.reduce((n, h) => n + h.size, 0),
      children: empty ? 0 : households.reduce((n, h) => n + h.children, 0),
      waiting: 0,
      evidence: [{ kind: "address", persons: 118, things: 41 }],
    } satisfies S["HouseholdTotals"];
  if (part === "rules") return rules;
  if (part === "tags") return { items: [...new Set(households.flatMap((h) => h.tags.map((x) => x.tag)))] };
  if (part === "strengths")
    return {
      strengths: [
        { kind: "address", level: "2", weight: 0.92, pairs: 1747 },
        { kind: "address", level: "3-4", weight: 0.97, pairs: 4969 },
        { kind: "payment", level: "2", weight: 0.74, pairs: 312 },
      ],
      threshold: 0.7,
      pairs: 7028,
      expected_precision: 0.97,
      expected_recall: 0.99,
      witnesses: [
        { kind: "address" as const, by: "others" as const, agreement: 0.62, by_chance: 0, used: true },
        { kind: "payment" as const, by: "address" as const, agreement: 0.94, by_chance: 0, used: true },
        { kind: "vehicle" as const, by: "address" as const, agreement: 0.9, by_chance: 0, used: false },
      ],
    } satisfies S["HouseholdLearnt"];
  return find(households, part);
}

/** The households of a person. */
export const householdsOf = (id: string) => ({
  id,
  items: households.filter((h) => h.members.some((m) => m.id === id)),
});
