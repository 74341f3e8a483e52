import type { components } from "../src/api/schema";
import { type Asked, ago, empty, find } from "./server.ts";

type S = components["schemas"];

const fresh = (change: Partial<S["TagFreshness"]> = {}): S["TagFreshness"] => ({
  as_of: ago(0),
  age_seconds: 0,
  max_age_minutes: 60,
  cause: "",
  source: "",
  since: null,
  ...change,
});

const tag = (
  change: Partial<S["ComputedTag"]> & Pick<S["ComputedTag"], "id" | "key" | "name" | "kind">,
): S["ComputedTag"] => ({
  description: "",
  owner: "Lin Bo 林波",
  folder: "value",
  approved: 1,
  serving: 1,
  draft: 0,
  computed_at: ago(0.01),
  failure: "",
  created_at: ago(40),
  updated_at: ago(3),
  definition: {},
  freshness: fresh(),
  ...change,
});

const tags: S["ComputedTag"][] = [
  tag({
    id: "tag_1",
    key: "value_tier",
    name: "Value tier 价值等级",
    kind: "rule",
    description: "What somebody has paid within a year.",
    approved: 3,
    serving: 3,
    draft: 4,
    definition: {
      max_age_minutes: 60,
      rules: [
        { value: "gold", rule: { segment: "seg_1" } },
        { value: "silver", rule: { segment: "seg_2" } },
      ],
    },
  }),
  tag({
    id: "tag_2",
    key: "intent_brand",
    name: "Brand of interest 意向品牌",
    kind: "interest",
    folder: "interest/cars",
    definition: {
      interest: {
        taxonomy: "tax_1",
        level: 1,
        top: 3,
        least: 1,
        half_life_hours: 336,
        events: [
          { event: "Viewed car", property: "series", weight: 1 },
          { event: "Test drive booked", property: "series", weight: 8 },
        ],
      },
    },
    freshness: fresh({
      as_of: ago(0.2),
      age_seconds: 17_280,
      cause: "source_silent",
      source: "src_web",
      since: ago(0.15),
    }),
  }),
  tag({
    id: "tag_3",
    key: "orders_90d",
    name: "Orders in 90 days",
    kind: "sql",
    definition: {
      sql: "select person, count(*) as value from events group by 1",
      every_minutes: 60,
      max_age_minutes: 180,
    },
    failure: "sql: the column person of row 1 is no person",
    freshness: fresh({
      as_of: ago(1),
      age_seconds: 86_400,
      max_age_minutes: 180,
      cause: "job_failed",
      since: ago(0.8),
    }),
  }),
  tag({
    id: "tag_4",
    key: "risk",
    name: "Risk list 风险名单",
    kind: "import",
    freshness: fresh({ as_of: ago(2), age_seconds: 172_800, max_age_minutes: 0 }),
  }),
  tag({
    id: "tag_5",
    key: "vip",
    name: "VIP 贵宾",
    kind: "manual",
    description: "Whom the shop has named.",
    definition: { expires_hours: 720 },
    freshness: fresh({ as_of: ago(1), age_seconds: 86_400, max_age_minutes: 0 }),
  }),
  tag({
    id: "tag_6",
    key: "intent",
    name: "Test drive intent 试驾意向",
    kind: "model",
    folder: "scores",
    definition: { max_age_minutes: 1_440 },
    freshness: fresh({
      as_of: ago(1.2),
      age_seconds: 103_680,
      max_age_minutes: 1_440,
      cause: "not_fed",
      since: ago(0.2),
    }),
  }),
];

const versions: S["TagVersion"][] = [4, 3, 2, 1].map((version) => ({
  version,
  definition: tags[0]?.definition ?? {},
  note: version === 4 ? "Gold begins at ¥2,000" : "",
  author: "usr_1",
  author_name: "Ana",
  written_at: ago(5 - version),
  approver: version === 4 ? "" : "usr_2",
  approver_name: version === 4 ? "" : "Lin Bo 林波",
  approved_at: version === 4 ? null : ago(5 - version),
}));

const counts: S["TagValueCount"][] = [
  { value: "silver", persons: 8_120 },
  { value: "gold", persons: 1_304 },
];

/** Facts that were computed. */
export function answerTags({ path }: Asked): unknown {
  if (!path[0]) return { items: empty ? [] : tags, next_cursor: "" } satisfies S["TagList"];
  switch (path[1]) {
    case "versions":
      return { items: versions, next_cursor: "" } satisfies S["TagVersionList"];
    case "compare":
      return { items: [{ path: "rules.0.value", old: "vip", new: "gold" }], next_cursor: "" };
    case "distribution":
      return {
        persons: 9_424,
        of: 20_000,
        coverage: 0.4712,
        values: counts,
        others: 0,
      } satisfies S["TagDistribution"];
    case "history":
      return {
        items: Array.from({ length: 30 }, (_, i) => ({
          date: ago(29 - i).slice(0, 10),
          values: counts.map((v) => ({ ...v, persons: Math.round((v.persons * (70 + i)) / 100) })),
          others: 0,
        })),
        next_cursor: "",
      };
    case "file":
      return {
        rows: 1_200,
        matched: 1_122,
        repeated: 8,
        unknown: 61,
        ambiguous: 2,
        invalid: 7,
        changed: 640,
        by_kind: [{ kind: "phone", rows: 1_193, matched: 1_130 }],
        samples: [{ row: 17, why: "unknown" }],
      } satisfies S["TagMatching"];
  }
  return find(tags, path[0]);
}

/** Trees of items. */
export function answerTaxonomies({ path }: Asked): unknown {
  if (path[1] === "items")
    return {
      items: [{ number: 1, path: "GMC", name: "GMC", level: 1, weight: 1, above: 0 }],
      next_cursor: "",
    };
  return {
    items: empty
      ? []
      : [{ id: "tax_1", name: "Cars 车系", version: 1, items: 2_591, levels: 3, updated_at: ago(9) }],
    next_cursor: "",
  };
}

/** What a person has. */
export function tagsOf(id: string): { id: string; items: S["PersonTag"][] } {
  const one = (
    x: S["ComputedTag"] | undefined,
    value: unknown,
    change: Partial<S["PersonTag"]> = {},
  ): S["PersonTag"][] =>
    x
      ? [
          {
            id: x.id,
            key: x.key,
            name: x.name,
            folder: x.folder,
            kind: x.kind,
            value,
            since: ago(2),
            computed_at: x.computed_at,
            version: x.serving,
            origin: "",
            expires_at: null,
            stale: false,
            stale_at: null,
            ...change,
          },
        ]
      : [];
  const of = (kind: S["TagKind"]) => tags.find((x) => x.kind === kind);
  return {
    id,
    items: [
      ...one(of("rule"), "gold"),
      ...one(of("interest"), "GMC", {
        scores: [
          { item: "GMC", score: 7.4 },
          { item: "Buick", score: 2.1 },
        ],
      }),
      ...one(of("model"), 0.82, { origin: "intent@3", stale: true, stale_at: ago(0.2) }),
      ...one(of("manual"), "yes", { origin: "Lin Bo 林波", expires_at: ago(-3) }),
    ],
  };
}
