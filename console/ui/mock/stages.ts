import type { components } from "../src/api/schema";
import { type Asked, ago, empty, find } from "./server.ts";

type S = components["schemas"];

const definition: S["LifeCycleDefinition"] = {
  stages: [
    { key: "interest", name: "了解 Interest", rule: { event: "Product Viewed" } },
    {
      key: "compare",
      name: "对比 Comparing",
      rule: { event: "Product Viewed", count: { op: "gte", value: 4 }, within: "14d" },
    },
    { key: "drive", name: "试驾 Test drive", rule: { event: "Test Drive Booked" } },
    { key: "bought", name: "下订 Ordered", rule: { event: "Order Completed" } },
    {
      key: "active",
      name: "活跃车主 Active owner",
      falls: true,
      rule: { event: "Trip Ended", within: "30d" },
    },
  ],
  lost: {
    key: "lost",
    name: "流失 Lost",
    from: "interest",
    rule: { not: { event: "Product Viewed", within: "60d" } },
  },
};

const cycles: S["LifeCycle"][] = [
  {
    id: "cyc_1",
    key: "purchase",
    name: "购车旅程 Way to a car",
    description: "From the first look to an owner who drives.",
    owner: "Lin Bo 林波",
    version: 2,
    serving: 2,
    failure: "",
    began_at: ago(80),
    created_at: ago(80),
    updated_at: ago(3),
    definition,
  },
  {
    id: "cyc_2",
    key: "member",
    name: "会员成长 Membership",
    description: "",
    owner: "Ana",
    version: 1,
    serving: 0,
    failure: "",
    began_at: null,
    created_at: ago(0.01),
    updated_at: ago(0.01),
    definition: { stages: definition.stages.slice(2) },
  },
];

const hour = 3600;
const times = (count: number, median: number): S["StageTimes"] => ({
  count,
  p25: Math.round(median / 3),
  median,
  p75: median * 2,
  p90: median * 4,
  buckets: [
    [hour, 0.05],
    [24 * hour, 0.12],
    [72 * hour, 0.2],
    [168 * hour, 0.25],
    [336 * hour, 0.18],
    [720 * hour, 0.12],
    [1440 * hour, 0.05],
    [2160 * hour, 0.02],
    [4368 * hour, 0.01],
    [8760 * hour, 0],
    [0, 0],
  ].map(([below, share]) => ({ below: below as number, count: Math.round(count * (share as number)) })),
});

function report(): S["LifeCycleReport"] {
  const reached = [12_840, 6_310, 2_204, 611, 590, 0];
  const now = [6_120, 3_871, 1_480, 22, 573, 2_204];
  const names = [...definition.stages, definition.lost as NonNullable<typeof definition.lost>];
  return {
    from: ago(90),
    to: ago(0),
    persons: now.reduce((a, b) => a + b),
    began: 12_840,
    stages: names.map((s, i) => ({
      key: s.key,
      name: s.name,
      lost: i === 5,
      now: now[i] ?? 0,
      entered: (reached[i] ?? 0) + 40,
      reached: reached[i] ?? 0,
      to_next: times(reached[i + 1] ?? 0, (i + 1) * 60 * hour),
      stay: times(reached[i] ?? 0, (i + 2) * 48 * hour),
    })),
    days: Array.from({ length: 90 }, (_, d) => ({
      date: ago(89 - d).slice(0, 10),
      persons: now.map((n, i) => Math.round((n * (d + 10 + i)) / (99 + i))),
    })),
    flows: [
      { from: "", to: "interest", count: 12_840 },
      { from: "interest", to: "compare", count: 5_990 },
      { from: "compare", to: "drive", count: 2_110 },
      { from: "drive", to: "bought", count: 611 },
      { from: "bought", to: "active", count: 590 },
      { from: "interest", to: "lost", count: 1_984 },
      { from: "lost", to: "interest", count: 220 },
    ],
    sampled: false,
  };
}

const span = (
  i: number,
  stage: string,
  from: string,
  why: S["StageSpan"]["reason"]["why"],
): S["StageSpan"] => ({
  person: `p_${i}a`,
  stage,
  from,
  began: ago(i / 40),
  ended: null,
  reason: { why, stage, message_id: why === "entered" ? `msg-${i}` : "" },
});

/** Life cycles. */
export function answerStages({ path }: Asked): unknown {
  if (!path[0]) return { items: empty ? [] : cycles, next_cursor: "" } satisfies S["LifeCycleList"];
  switch (path[1]) {
    case "versions":
      return {
        items: [2, 1].map((version) => ({
          version,
          definition,
          note: version === 2 ? "Owners must drive" : "",
          author: "usr_1",
          author_name: "Ana",
          written_at: ago(83 - version * 40),
        })) satisfies S["LifeCycleVersion"][],
        next_cursor: "",
      };
    case "compare":
      return { items: [{ path: "stages.active.falls", old: false, new: true }], next_cursor: "" };
    case "report":
      return report();
    case "spans":
      return {
        items: [
          span(1, "drive", "compare", "entered"),
          span(2, "lost", "interest", "entered"),
          span(3, "bought", "active", "left"),
          span(4, "compare", "", "start"),
          span(5, "interest", "", "identity"),
        ].map((s, i) => ({
          ...s,
          line: {
            id: s.person,
            name: i % 2 ? null : "王芳",
            known: true,
            identifiers: [{ kind: "user_id", value: `u-${i}` }],
            first_seen: ago(90),
            last_seen: ago(i / 40),
            events: 12,
            channels: ["web"],
            city: "上海",
          } satisfies S["PersonSummary"],
        })),
        next_cursor: "",
      };
  }
  return find(cycles, path[0]);
}

/** What is usual in industries. */
export function answerTemplates({ path }: Asked): unknown {
  if (path[1] === "apply")
    return {
      made: [
        { kind: "cycle", id: "cyc_1", name: "购车旅程 Way to a car" },
        { kind: "segment", id: "seg_1", name: "高意向未试驾 High intent" },
      ],
      left_out: [{ kind: "stage", name: "换购意向", why: "unfilled" }],
    } satisfies S["TemplateResult"];
  const text = (en: string, zh: string) => ({ en, zh });
  return {
    items: [
      {
        key: "car",
        name: text("Car maker", "汽车"),
        about: text("From the first look to an owner.", "从首次浏览到车主。"),
        slots: [
          {
            key: "view",
            name: text("somebody looks at a product", "浏览商品"),
            like: ["Product Viewed"],
            needed: true,
          },
          { key: "order", name: text("somebody buys", "下单支付"), like: ["Order Completed"], amount: true },
        ],
        cycle: {
          key: "car",
          name: text("Way to a car", "购车旅程"),
          stages: [
            { key: "interest", name: text("Interested", "了解"), rule: { event: "@view" } },
            { key: "buy", name: text("Ordered", "下订"), rule: { event: "@order" } },
          ],
          lost: { key: "lost", name: text("Lost", "流失"), rule: { event: "@view" } },
        },
        segments: [],
        tiers: [{ value: "gold", rule: { event: "@order" } }],
        suggested: { view: "Product Viewed", order: "Order Completed" },
      },
    ] satisfies S["Template"][],
    next_cursor: "",
  };
}
