/** A small car brand's world, the same on every start: people, their events, sources, segments. Development only. */

import type {
  BlockedValue,
  CatalogueEvent,
  IdentityGraph,
  IdentityRules,
  IdentitySuggestion,
  LiveEvent,
  Person,
  PersonEvent,
  PersonSummary,
  QuarantinedEvent,
  Reactor,
  ReactorDeadLetter,
  Segment,
  SharedIdentifier,
  Source,
} from "../src/api/types";

let seed = 20260131;
/** mulberry32 */
export function random(): number {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
export const pick = <T>(xs: readonly T[]): T => xs[Math.floor(random() * xs.length)] as T;
const int = (lo: number, hi: number) => lo + Math.floor(random() * (hi - lo + 1));
export const id = (prefix: string, n = 12) =>
  `${prefix}_${Array.from({ length: n }, () => pick([..."abcdefghijklmnopqrstuvwxyz234567"])).join("")}`;
export const now = Date.now();
const day = 86_400_000;
const iso = (t: number) => new Date(t).toISOString();

export const sources: Source[] = [
  ["官网 Website", "web", 1_204_331, 12],
  ["车主 App", "app", 2_871_004, 31],
  ["微信小程序", "mini_program", 640_112, 4],
  ["门店 DMS", "store", 51_870, 903],
  ["Call centre", "call_center", 9_140, 0],
  ["T-Box 车机", "device", 7_420_551, 118],
  ["Online retail import", "import", 541_909, 0],
  ["legacy-crm (do not use)", "server", 0, 0],
].map(([name, kind, accepted, quarantined], i) => ({
  id: id("src"),
  name: name as string,
  kind: kind as Source["kind"],
  write_key: `wk_${Array.from({ length: 32 }, () => pick([..."abcdefghijklmnopqrstuvwxyz234567"])).join("")}`,
  enabled: i !== 7,
  rate_limit: i === 5 ? 2000 : 0,
  created_at: iso(now - int(60, 400) * day),
  last_event_at: i === 7 ? null : iso(now - [2, 1, 8, 320, 5400, 1, 86_400 * 9][i]! * 1000),
  accepted: accepted as number,
  quarantined: quarantined as number,
}));

const events: [string, Source["kind"][], () => Record<string, unknown>][] = [
  [
    "$page",
    ["web"],
    () => ({
      path: pick(["/", "/models/aurora", "/models/aurora-l", "/test-drive", "/finance"]),
      title: "Aurora · 官网",
      referrer: pick(["https://www.baidu.com/", ""]),
    }),
  ],
  ["$screen", ["app", "mini_program"], () => ({ name: pick(["Home", "Garage", "Charging map", "Shop"]) })],
  [
    "Model Viewed",
    ["web", "app", "mini_program"],
    () => ({
      model: pick(["Aurora", "Aurora L", "Polaris"]),
      trim: pick(["Pro", "Max", "Ultra"]),
      price: int(189, 329) * 1000,
    }),
  ],
  [
    "Configurator Completed",
    ["web", "app"],
    () => ({
      model: pick(["Aurora", "Polaris"]),
      colour: pick(["玄武灰", "Glacier white", "曙光金"]),
      options: ["ADAS+", "Sound"],
      price: int(199, 359) * 1000,
    }),
  ],
  [
    "Test Drive Booked",
    ["web", "mini_program", "call_center"],
    () => ({
      store: pick(["上海徐汇旗舰店", "北京朝阳店", "杭州西湖店"]),
      model: "Aurora",
      slot: "2026-02-03T10:00:00+08:00",
    }),
  ],
  [
    "Test Drive Completed",
    ["store"],
    () => ({
      store: pick(["上海徐汇旗舰店", "北京朝阳店"]),
      model: "Aurora",
      minutes: int(18, 52),
      rating: int(3, 5),
    }),
  ],
  [
    "Order Completed",
    ["store", "web"],
    () => ({
      order_id: id("ord", 8),
      model: pick(["Aurora", "Polaris"]),
      amount: int(199, 359) * 1000,
      currency: "CNY",
      deposit: 5000,
    }),
  ],
  [
    "Charging Session",
    ["device", "app"],
    () => ({
      kwh: Math.round(random() * 600) / 10,
      soc_from: int(8, 40),
      soc_to: int(70, 100),
      station: pick(["超充 · 虹桥", "Home", "超充 · 国贸"]),
    }),
  ],
  [
    "Trip Finished",
    ["device"],
    () => ({ km: Math.round(random() * 900) / 10, minutes: int(6, 140), harsh_brakes: int(0, 4) }),
  ],
  [
    "Coupon Claimed",
    ["app", "mini_program"],
    () => ({ coupon: pick(["保养 9 折", "¥500 配件券"]), value: pick([500, 200, 90]) }),
  ],
];

const cities = ["上海", "北京", "深圳", "杭州", "成都", "广州", "Hong Kong", "München"];
const surnames = [..."王李张刘陈杨赵黄周吴徐孙"];
const givens = ["伟", "芳", "小明", "雨桐", "子涵", "梓萱", "浩然", "思远", "静怡", "建国"];
const latin = [
  "Ana Silva",
  "Oliver Bennett-Carmichael",
  "María José Fernández de la Vega y Castro",
  "Li Na 🚗",
  "Søren Kjær",
];

/** Where a segment stands that nobody has put anywhere. */
export const nowhere = {
  version: 1,
  draft: 0,
  folder: "",
  labels: [] as string[],
  owner: "",
  guarded: false,
};

export const segments: Segment[] = [
  ["上海意向客户", "住在上海、近 30 天看过车型且未下单", 1834],
  ["Test drive, not ordered", "Completed a test drive in the last 60 days, no order since", 412],
  ["高频充电车主", "近 30 天充电 8 次以上", 2907],
  ["沉睡 App 用户 (90d)", "90 天没有打开 App", 10_433],
  ["A segment with quite a long name that nobody shortened when the campaign ended last May", "", 0],
].map(([name, description, members], i) => ({
  id: id("seg"),
  name: name as string,
  description: description as string,
  kind: i === 1 ? "static" : "rule",
  rule:
    i === 1
      ? null
      : {
          and: [
            { trait: "city", op: "eq", value: "上海" },
            { event: "Model Viewed", count: { op: "gte", value: 2 }, within: "30d" },
          ],
        },
  ...nowhere,
  ...(i === 0 && {
    version: 2,
    draft: 3,
    folder: "增长/上海",
    labels: ["新车", "五一"],
    owner: "王敏",
    guarded: true,
  }),
  ...(i === 2 && { folder: "车主", owner: "Service team" }),
  status: i === 4 ? "building" : "live",
  progress: i === 4 ? 0.43 : 1,
  members: members as number,
  created_at: iso(now - (i + 2) * 11 * day),
  updated_at: iso(now - (i + 1) * 3 * day),
}));

export interface Made {
  person: Person;
  events: PersonEvent[];
  summary: PersonSummary;
}

function makePerson(n: number): Made {
  const known = n < 4 || random() < 0.62;
  const name = !known ? null : n < latin.length ? (latin[n] as string) : pick(surnames) + pick(givens);
  const owner = known && random() < 0.5;
  const personId = `p_${(1_000_000 + n * 7919).toString(36)}`;
  const first = now - int(20, 59) * day;
  const ids: Person["identifiers"] = [];
  const add = (kind: string, value: string) =>
    ids.push({
      kind,
      value,
      first_seen: iso(first),
      last_seen: iso(now - int(1, 4000) * 60_000),
      events: int(1, 120),
    });
  if (known) {
    add("user_id", `u-${10_000 + n}`);
    if (random() < 0.7) add("phone", `+86138${String(int(0, 99_999_999)).padStart(8, "0")}`);
    if (random() < 0.6)
      add(
        "email",
        `${
          (name ?? "x")
            .toLowerCase()
            .replace(/[^a-z]+/g, ".")
            .replace(/^\.|\.$/g, "") || `user${n}`
        }@example.com`,
      );
    if (random() < 0.5) add("unionid", `o6_bm${id("", 18).slice(1)}`);
  }
  for (let i = int(1, known ? 3 : 1); i > 0; i--)
    add("anonymous_id", `${id("", 8).slice(1)}-${id("", 4).slice(1)}-4${id("", 3).slice(1)}`);
  if (random() < 0.5) add("device_id", id("", 16).slice(1).toUpperCase());
  if (owner) add("vin", `LTS${Array.from({ length: 14 }, () => pick([..."0123456789ABCDEFGHJK"])).join("")}`);

  const list: PersonEvent[] = [];
  const total = n === 0 ? 240 : int(3, 60);
  for (let i = 0; i < total; i++) {
    const [event, kinds, props] = pick(owner ? events : events.slice(0, 6));
    const source = sources.find((s) => kinds.includes(s.kind)) as Source;
    const t = now - Math.floor(random() ** 2 * (now - first)) - i * 1000;
    list.push({
      message_id: id("m", 20),
      time: iso(t),
      received_at: iso(t + int(40, 900)),
      type: event === "$page" ? "page" : event === "$screen" ? "screen" : "track",
      event,
      properties: props(),
      context: {
        ip: "203.0.113.7",
        locale: "zh-CN",
        library: { name: source.kind === "web" ? "analytics.js" : "analytics-node", version: "2.11.1" },
        page: { path: "/models/aurora" },
        ...(i === 2
          ? { time_source: "sentAt", time_problem: "bad_timestamp", time_given: "Invalid Date" }
          : {}),
      },
      source: source.id,
      person: personId,
    });
  }
  list.sort((a, b) => (a.time < b.time ? 1 : -1));
  const city = random() < 0.85 ? pick(cities) : null;
  const byEvent: Record<string, number> = {};
  const byChannel: Record<string, number> = {};
  const bySource: Record<string, number> = {};
  for (const e of list) {
    byEvent[e.event] = (byEvent[e.event] ?? 0) + 1;
    const ch = sources.find((s) => s.id === e.source)?.kind ?? "web";
    byChannel[ch] = (byChannel[ch] ?? 0) + 1;
    bySource[e.source] = (bySource[e.source] ?? 0) + 1;
  }
  const traits: Record<string, unknown> = known
    ? {
        name,
        ...(city ? { city } : {}),
        birthday: "1991-06-14",
        budget: int(15, 40) * 10_000,
        newsletter: random() < 0.5,
        preferred_model: "Aurora L",
        household: { members: int(1, 5), has_children: random() < 0.4 },
        remark:
          "客户希望周末试驾，关注后排空间与冬季续航；家中已有一台纯电，准备置换。Follow up after the holidays.",
      }
    : city
      ? { city }
      : {};
  const lastSeen = list[0]?.time ?? iso(now);
  const person: Person = {
    id: personId,
    name,
    known,
    traits,
    trait_meta: Object.fromEntries(
      Object.keys(traits).map((k) => [
        k,
        { updated_at: iso(now - int(1, 50_000) * 60_000), source: pick(sources).id },
      ]),
    ),
    segments: known
      ? segments
          .slice(0, int(1, 3))
          .map((s) => ({ id: s.id, name: s.name, entered_at: iso(now - int(1, 20) * day) }))
      : [],
    identifiers: ids,
    scores: {},
    consent: known ? { email: true, sms: false, wecom: true } : {},
    first_seen: iso(first),
    last_seen: lastSeen,
    counters: {
      events: list.length,
      sessions: Math.ceil(list.length / 6),
      by_event: byEvent,
      by_channel: byChannel,
      by_source: bySource,
    },
    groups: owner ? [{ id: "dealer-shanghai-xuhui", seen: iso(now - 9 * day) }] : [],
    city,
    country: city ? "CN" : null,
    first: { source: list.at(-1)?.source ?? "", channel: "web" },
    last: { source: list[0]?.source ?? "", channel: "app" },
    relations: owner
      ? [
          {
            kind: "vin",
            value: `LSVAU2A37N2${String(100_000 + n).slice(-6)}`,
            id: `p_${(3_000_000 + n).toString(36)}`,
            first_seen: iso(now - 40 * day),
            last_seen: iso(now - day / 3),
            events: int(3, 90),
          },
        ]
      : [],
    related_persons: [],
    aliases: known && random() < 0.5 ? [`p_${(2_000_000 + n).toString(36)}`] : [],
  };
  return {
    person,
    events: list,
    summary: {
      id: personId,
      name,
      known,
      identifiers: ids.slice(0, 5).map(({ kind, value }) => ({ kind, value })),
      first_seen: person.first_seen,
      last_seen: lastSeen,
      events: list.length,
      channels: Object.keys(byChannel),
      city,
    },
  };
}

export const people: Made[] = Array.from({ length: 160 }, (_, i) => makePerson(i)).sort((a, b) =>
  a.summary.last_seen < b.summary.last_seen ? 1 : -1,
);

/** One person has two hundred identifiers, as somebody has who uses a shop for years. */
const crowded = people[9] as Made;
for (let i = crowded.person.identifiers.length; i < 200; i++) {
  const kind =
    i < 20 ? "openid" : i < 45 ? "device_id" : i < 60 ? "email" : i < 70 ? "phone" : "anonymous_id";
  crowded.person.identifiers.push({
    ...(crowded.person.identifiers[0] as Person["identifiers"][number]),
    kind,
    value:
      kind === "email"
        ? `reader${i}@example.com`
        : kind === "phone"
          ? `+86138${10_000_000 + i * 731}`
          : id(kind.slice(0, 2), 14),
    events: int(1, 40),
  });
}

/** Of many identifiers, each was met with two that came before: hardly two hang on the same others. */
const tangled = (nodes: IdentityGraph["nodes"]) =>
  nodes.slice(1).flatMap((n, i) =>
    [1 + ((i * 7919) % (i + 1)), 1 + Math.floor(i / 3)].map((to, k) => ({
      from: n.id,
      to,
      evidence: (["event", "identify", "import", "alias"] as const)[(i + k) % 4] ?? "event",
      message_id: `m_${n.id}_${to}`,
      source: sources[i % sources.length]?.id ?? "",
      time: n.first_seen,
      last_time: n.last_seen,
      count: 1 + (i % 30),
    })),
  );

export function identityOf(m: Made): IdentityGraph {
  const nodes = m.person.identifiers.map((i, n) => ({
    id: n + 1,
    kind: i.kind,
    value: i.value,
    first_seen: i.first_seen,
    last_seen: i.last_seen,
    events: i.events,
    person: m.person.id,
  }));
  const edges =
    m === crowded
      ? tangled(nodes)
      : nodes.slice(1).map((n, i) => ({
          from: n.id,
          to: i < 2 ? 1 : Math.max(1, n.id - 2),
          evidence: (["identify", "event", "alias", "import"] as const)[i % 4]!,
          message_id: id("m", 20),
          source: pick(sources).id,
          time: n.first_seen,
          count: int(1, 40),
        }));
  return {
    person: m.person.id,
    nodes,
    edges,
    merges: m.person.aliases.map((a) => ({
      kept: m.person.id,
      absorbed: a,
      time: iso(now - 6 * day),
      message_id: id("m", 20),
      because: edges[0] ?? null,
    })),
    dropped: m.person.aliases.length
      ? [
          {
            identifier: { kind: "phone", value: "+8613800138001" },
            reason: "limit of 3 phone numbers per person",
            person: m.person.id,
            message_id: id("m", 20),
            source: pick(sources).id,
            time: iso(now - 3 * day),
          },
        ]
      : [],
    parted: [],
  };
}

export function pathBetween(g: IdentityGraph, from: string, to: string) {
  const at = (ref: string) => g.nodes.find((n) => `${n.kind}:${n.value}` === ref)?.id;
  const [a, b] = [at(from), at(to)];
  if (!a || !b) return [];
  const before = new Map<number, IdentityGraph["edges"][number]>();
  const queue = [a];
  const seen = new Set(queue);
  while (queue.length) {
    const n = queue.shift() as number;
    for (const e of g.edges) {
      const o = e.from === n ? e.to : e.to === n ? e.from : 0;
      if (!o || seen.has(o)) continue;
      seen.add(o);
      before.set(o, e);
      queue.push(o);
    }
  }
  const path = [];
  for (let n = b; n !== a; ) {
    const e = before.get(n);
    if (!e) return [];
    path.unshift(e);
    n = e.from === n ? e.to : e.from;
  }
  return path;
}

/** A moment so many hours ago. */
const hoursAgo = (h: number) => new Date(Date.now() - h * 3_600_000).toISOString();
const reactorRow = (name: string, state: Reactor["state"], more: Partial<Reactor>): Reactor => ({
  name,
  state,
  waiting: 0,
  oldest: null,
  lag_seconds: 0,
  passed: 1_204_332,
  dropped: 0,
  dead_letters: 0,
  failing_since: null,
  attempts: 0,
  error: "",
  ...more,
});
export const reactors: Reactor[] = [
  reactorRow("advisor", "gone", { passed: 4_410, dropped: 12 }),
  reactorRow("journey", "failing", {
    waiting: 18_402,
    oldest: hoursAgo(41 / 60),
    lag_seconds: 2460,
    dropped: 311,
    dead_letters: 23,
    failing_since: hoursAgo(40 / 60),
    attempts: 46,
    error:
      "the definition of the journey 春季试驾回访 refers to a segment that is not there: seg_7qk3m0z2xw4d1f8a",
  }),
  reactorRow("reward", "working", { waiting: 312, oldest: hoursAgo(0), lag_seconds: 0.4 }),
  reactorRow("webhook", "idle", { passed: 88_201 }),
];
export const reactorLetters: Record<string, ReactorDeadLetter[]> = {
  journey: Array.from({ length: 23 }, (_, i) => ({
    id: id("dead"),
    kind: (["event", "segment_entered", "trait_changed", "timer"] as const)[i % 4] ?? "event",
    person: i % 4 === 3 ? null : `p_${(1000 + 37 * i).toString(36)}`,
    name: ["试驾预约", "seg_7qk3m0z2xw4d1f8a", "city", "wait"][i % 4] ?? "",
    time: hoursAgo(1 + i / 3),
    message_id: i % 4 === 3 ? "" : `m-${4096 + i}`,
    reason: "reactor_failed: step 3 of the journey asks for the trait vin_count, which is not a number",
    died_at: hoursAgo(i / 3),
    attempts: i % 3,
    waiting: i === 1,
  })),
};

export const quarantine: QuarantinedEvent[] = Array.from({ length: 64 }, (_, i) => {
  const kinds = [
    [
      "missing_user",
      "there is no userId, no anonymousId and no other identifier",
      {
        type: "track",
        event: "Order Completed",
        properties: { amount: 239_000 },
        timestamp: "2026-01-30T11:02:00+08:00",
      },
    ],
    [
      "malformed",
      "a value was expected, not 'N' (at properties.price)",
      `{"type":"track","event":"Test Drive Booked","userId":"u-${i}","properties":{"store":"上海徐汇旗舰店","price":NaN}}`,
    ],
    [
      "too_large",
      "the event is 41,220 bytes; at most 32,768 are allowed",
      { type: "track", event: "Telemetry", userId: "u-9", properties: { blob: "…" } },
    ],
    [
      "unknown_type",
      "type “trck” is not one of track, identify, page, screen, group, alias",
      { type: "trck", event: "Model Viewed", anonymousId: "a-1" },
    ],
  ] as const;
  const [code, reason, event] = kinds[i % 7 === 0 ? 3 : i % 5 === 0 ? 2 : i % 2]!;
  const imported = i % 11 === 0;
  return {
    id: id("qr"),
    received_at: iso(now - i * i * 41_000 - 60_000),
    source: sources[imported ? 3 : i % 6]!.id,
    reason,
    group: `grp_${code}_${imported ? 3 : i % 6}`,
    code,
    event: structuredClone(event),
    origin: imported ? "import" : "http",
    row: imported ? 1200 + i : null,
    replayed_at: i === 9 ? iso(now - 3_600_000) : null,
  };
});

export const catalogue: CatalogueEvent[] = events.map(([event], i) => {
  const base = [88_000, 61_000, 30_500, 4_100, 1_320, 803, 211, 52_400, 240_900, 2_050][i]!;
  const daily = Array.from({ length: 30 }, (_, d) => ({
    date: iso(now - (29 - d) * day).slice(0, 10),
    count: Math.round(
      (base / 30) * (0.7 + 0.5 * random() + (((d + 3) % 7) / 7) * 0.3) * (i === 9 && d < 21 ? 0 : 1),
    ),
  }));
  const count = daily.reduce((s, x) => s + x.count, 0);
  return {
    event,
    type: event === "$page" ? "page" : event === "$screen" ? "screen" : "track",
    count,
    persons: Math.round(count / (2 + random() * 9)),
    first_seen: iso(now - (i === 9 ? 9 : 58) * day),
    last_seen: iso(now - int(1, 300) * 1000),
    daily,
  };
});

export const exampleProperties = (event: string) => events.find(([e]) => e === event)?.[2]() ?? {};

export function liveEvent(at = Date.now()): LiveEvent {
  const m = pick(people);
  const [event, kinds, props] = pick(events);
  const source = sources.find((s) => kinds.includes(s.kind)) as Source;
  const rejected = random() < 0.04;
  return {
    message_id: `m_${at.toString(36)}${Math.floor(random() * 1e9).toString(36)}`,
    time: iso(at - int(50, 1500)),
    received_at: iso(at),
    type: rejected ? "rejected" : event === "$page" ? "page" : event === "$screen" ? "screen" : "track",
    event: rejected ? "Order Completed" : event,
    source: source.id,
    user_id: m.person.known ? (m.person.identifiers[0]?.value ?? "") : "",
    anonymous_id: m.person.identifiers.find((i) => i.kind === "anonymous_id")?.value ?? "",
    identifiers: rejected ? [] : m.person.identifiers.map(({ kind, value }) => ({ kind, value })),
    properties: props(),
    traits: null,
    context: {
      ip: "203.0.113.7",
      library: { name: "analytics.js", version: "2.11.1" },
      ...(random() < 0.08
        ? { time_source: "receivedAt", time_problem: "in_future", time_given: "2036-01-30T11:02:00Z" }
        : {}),
    },
    rejected,
    reason: rejected ? "userId or anonymousId is required" : "",
    raw: rejected ? { type: "track", event: "Order Completed", properties: props() } : null,
  };
}

const kindRow = (
  kind: string,
  role: "identifies" | "relates",
  priority: number,
  limit: number,
  normaliser = "text",
) => ({
  kind,
  role,
  priority,
  limit,
  normaliser,
  max_length: 256,
  contact: ["phone", "email", "vin", "plate"].includes(kind),
  tells_apart: ["user_id", "unionid", "phone", "email"].includes(kind),
  shared_after: ["user_id", "unionid"].includes(kind) ? -1 : 3,
  window_limit: 0,
  window_days: 0,
  blocked: [] as BlockedValue[],
  built_in: kind !== "member_no",
  changed: kind === "member_no",
});
const builtIn = (...values: string[]) =>
  values.map((value) => ({ value, blocked: true, built_in: true, changed_at: null as string | null }));

/** The identity rules; writes change them until the next start. */
export const identityRules: IdentityRules = {
  pending: { since: iso(now - 1.2 * day), kinds: ["device_id"], values: 1, partial: false, undoable: true },
  kinds: [
    kindRow("user_id", "identifies", 100, 1),
    kindRow("unionid", "identifies", 90, 1),
    {
      ...kindRow("phone", "identifies", 80, 5, "phone"),
      blocked: builtIn("{repeated}", "13800138000", "12345678901"),
    },
    {
      ...kindRow("email", "identifies", 70, 5, "email"),
      blocked: builtIn("test@test.com", "noreply@*", "null@*"),
    },
    kindRow("openid", "identifies", 60, 5),
    kindRow("member_no", "identifies", 30, 10, "integer"),
    kindRow("device_id", "identifies", 20, 10, "lower"),
    kindRow("anonymous_id", "identifies", 10, 1000),
    kindRow("vin", "relates", 50, 10, "vin"),
    kindRow("plate", "relates", 40, 10, "plate"),
  ],
  blocked: [
    ...builtIn(
      "{zeros}",
      "{marks}",
      "{scientific}",
      "{template}",
      "null",
      "none",
      "undefined",
      "nan",
      "#n/a",
      "#ref!",
      "游客",
      "匿名",
      "id",
      "email",
    ),
    { value: "guest", blocked: false, built_in: true, changed_at: iso(now - 3 * day) },
    { value: "demo-*", blocked: true, built_in: false, changed_at: iso(now - day) },
  ],
  normalisers: ["text", "lower", "email", "phone", "integer", "vin", "plate"],
};

export const shared: SharedIdentifier[] = [
  {
    node: 4711,
    id: people[4]?.person.id ?? "",
    kind: "device_id",
    value: "kiosk-hangzhou-01",
    state: "shared",
    decided: "detector",
    at: iso(now - day / 3),
    witness: "user_id",
    seen: 4,
    bears: 3,
    source: "src_store",
    parted: 4,
    persons: 212,
    events: 1840,
  },
];

export const suggestions: IdentitySuggestion[] = [
  {
    kind: "phone",
    value: "+862154321000",
    state: "open",
    first_at: iso(now - day / 2),
    last_at: iso(now - day / 20),
    merges: 14,
    refusals: 61,
    others: 0,
    examples: ["user_id:u_10492", "user_id:u_10493", "anonymous_id:9f1c04d2-77aa-4b0e-9d0a-1b2c3d4e5f60"],
    person: people[3]?.person.id ?? null,
  },
];

const auditKinds: [string, () => { id: string; name: string }, Record<string, unknown>][] = [
  ["segment.create", () => segments[0]!, { name: "上海意向客户", rule: segments[0]!.rule }],
  ["source.update", () => sources[1]!, { enabled: true, rate_limit: 500 }],
  ["source.rotate", () => sources[0]!, {}],
  [
    "settings.update",
    () => ({ id: "", name: "" }),
    { organisation: { currency: "CNY", order_event: "Order Completed" } },
  ],
  ["segment.delete", () => ({ id: "seg_gone", name: "双 11 预热（已结束）" }), {}],
  ["quarantine.replay", () => ({ id: "", name: "" }), { code: "malformed", replayed: 412, rejected: 3 }],
  ["session.create", () => ({ id: "usr_1", name: "ana@example.com" }), {}],
];
export const audit = Array.from({ length: 64 }, (_, i) => {
  const [action, of, detail] = auditKinds[i % auditKinds.length]!;
  const target = of();
  const ana = i % 3 !== 0;
  return {
    id: `aud_${i}`,
    time: iso(now - i * 0.3 * day),
    actor: {
      kind: "user",
      id: ana ? "usr_1" : "usr_2",
      name: ana ? "ana@example.com" : "bo.lin@example.com",
    },
    action,
    target: target.id,
    target_name: target.name,
    detail,
    request_id: `req_${i}a7b8c9d0e`,
  };
});
