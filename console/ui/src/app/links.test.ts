import { describe, expect, it } from "vitest";
import type { Rule } from "@/api/types";
import { sharedSearch } from "@/lib/behind";
import {
  asGroup,
  groupOf,
  isCondition,
  isEvent,
  isHousehold,
  isNot,
  isSegment,
  isSequence,
  isTrait,
  membersOf,
  parseLength,
  prune,
} from "@/lib/rule";
import { damagedParts, mendPath, parseSearch, stringifySearch, validated } from "@/lib/search";
import { isDayKey } from "@/lib/zone";
import {
  funnelQuery,
  type Question,
  readQuestion,
  resolveRange,
  retentionQuery,
  trendQuery,
} from "@/pages/analytics/question";
import {
  catalogueSearch,
  debuggerSearch,
  importFileSearch,
  importsSearch,
  quarantineSearch,
  sourcesSearch,
} from "@/pages/collect/search";
import { linkageSearch } from "@/pages/linkage/search";
import { peopleSearch, personSearch } from "@/pages/people/search";
import { draftSearch } from "@/pages/segments/draftSearch";
import { segmentSearch, segmentsSearch } from "@/pages/segments/search";
import { settingsSearch } from "@/pages/settings/search";
import { webhookSearch, webhooksSearch } from "@/pages/webhooks/search";

type Raw = Record<string, unknown>;
type Read = (raw: Raw) => object;

const condition = { property: "price", op: "gte", value: 9007199254740993n };
const rule = {
  and: [
    { trait: "city", op: "in", value: ["上海", "北京"] },
    {
      not: {
        or: [
          { segment: "seg_1" },
          { event: "Order Completed", count: { op: "gte", value: 2 }, within: "30d" },
        ],
      },
    },
    {
      event: "Model Viewed",
      where: [{ property: "model", op: "eq", value: "Aurora 🚗" }],
      count: { op: "eq", value: 0 },
    },
  ],
};
const behind = {
  title: "到达第 2 步",
  query: {
    kind: "funnel",
    from: "2026-01-01T00:00:00Z",
    to: "2026-02-01T00:00:00Z",
    steps: [{ event: "a" }, { event: "b" }],
  },
  select: { step: 2, outcome: "reached" },
};

/** A whole link of every page, with all that its address can hold. */
const pages: Record<string, { reads: Read[]; search: Raw }> = {
  sources: {
    reads: [sourcesSearch],
    search: { source: "src_1", create: "true", q: "官网", sort: "-accepted" },
  },
  webhooks: { reads: [webhooksSearch], search: { create: "true", q: "CRM", sort: "-waiting" } },
  linkage: {
    reads: [linkageSearch],
    search: { tab: "model", state: "rejected", pair: "lp_1_2", settings: "true" },
  },
  webhook: { reads: [webhookSearch], search: { state: "dead", delivery: "msg_1", edit: "true" } },
  debugger: { reads: [debuggerSearch], search: { source: "src_1", q: "Order & 100%", show: "rejected" } },
  quarantine: { reads: [quarantineSearch], search: { source: "src_1", code: "too_old", q: '{"a"' } },
  catalogue: { reads: [catalogueSearch], search: { tab: "traits", event: "$page", q: "[x", range: "all" } },
  importFile: { reads: [importFileSearch], search: { upload: "upl_1", run: "imp_1", view: "yaml" } },
  imports: { reads: [importsSearch], search: { open: "imp_1", behind } },
  people: {
    reads: [peopleSearch],
    search: {
      q: "9007199254740993123",
      who: "visitor",
      segment: "seg_1",
      kind: "phone",
      channel: "mini_program",
      active: "30d",
      behind,
    },
  },
  person: {
    reads: [personSearch],
    search: { tab: "identity", event: "1e5", from: "user_id:1", to: "phone:+86139" },
  },
  segments: { reads: [segmentsSearch], search: { q: "true", sort: "-members" } },
  segment: { reads: [segmentSearch], search: { tab: "changes", behind } },
  builder: { reads: [draftSearch], search: { name: "高意向", description: "null", rule, view: "json" } },
  settings: {
    reads: [settingsSearch],
    search: {
      tab: "audit",
      create: "true",
      q: "上海",
      actor: "usr_1",
      action: "segment.*",
      target: "seg_1",
      within: "7d",
    },
  },
  analytics: {
    reads: [readQuestion as Read],
    search: {
      tab: "funnel",
      range: "2026-01-01~2026-01-31",
      segment: "seg_1",
      filters: [condition, { dimension: "city", op: "exists" }],
      by: { property: "model" },
      trend: {
        series: [{ event: "*", measure: "sum", property: "price", where: [condition] }],
        interval: "day",
        chart: "bar",
      },
      funnel: { steps: [{ event: "a", where: [condition] }, { event: "b" }, { event: "c" }], window: "7d" },
      retention: {
        first: { event: "a" },
        return: { event: "b" },
        interval: "week",
        periods: 8,
        mode: "rolling",
      },
      sql: 'select "a" from events -- 100%',
      behind,
    },
  },
};

/** Mulberry32: the same damage on every run. */
function random(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function damage(s: string, next: () => number): string {
  const at = Math.floor(next() * s.length);
  const some = [
    "%",
    "%E4%B8",
    "&",
    "=",
    "{",
    "}",
    "[",
    "]",
    '"',
    "null",
    "1e999",
    "-1",
    "__proto__",
    "constructor",
    "…",
    "%00",
  ];
  const piece = some[Math.floor(next() * some.length)] as string;
  const upTo = at + Math.floor(next() * 12);
  switch (Math.floor(next() * 6)) {
    case 0:
      return s.slice(0, at);
    case 1:
      return s.slice(0, at) + s.slice(upTo);
    case 2:
      return s.slice(0, at) + piece + s.slice(at);
    case 3:
      return s.slice(0, at) + piece + s.slice(upTo);
    case 4:
      return s.slice(at) + s.slice(0, at);
    default:
      return `${s}&${s.slice(at, upTo + 20)}`;
  }
}

/** Thousands of checks: expect() would take most of the time. */
function must(held: boolean): void {
  if (!held) throw new Error("a page would draw what it cannot");
}

/** What the pages do with what they read: none of it may fail, and each part must be of the shape that is drawn. */
function use(read: Raw): void {
  const text = (v: unknown) => must(v === undefined || typeof v === "string");
  for (const key of [
    "q",
    "sort",
    "tab",
    "source",
    "code",
    "event",
    "open",
    "name",
    "description",
    "sql",
    "segment",
    "from",
    "to",
    "who",
    "kind",
    "channel",
    "active",
    "actor",
    "action",
    "target",
    "within",
  ])
    text(read[key]);
  const q = read as Question;
  for (const c of [...(q.filters ?? []), ...(q.trend?.series ?? []).flatMap((s) => s.where ?? [])])
    must(isCondition(c));
  for (const s of [...(q.trend?.series ?? []), ...(q.funnel?.steps ?? [])]) must(typeof s.event === "string");
  for (const v of Object.values(q.by ?? {})) must(typeof v === "string");
  const range = resolveRange(q.range, "America/Santiago", "2026-09-10", "2026-01-01");
  must(isDayKey(range.first) && isDayKey(range.last) && range.days > 0);
  for (const query of [
    q.trend && trendQuery(q, q.trend, range, "UTC"),
    q.funnel && funnelQuery(q, q.funnel, range, "UTC", true),
    q.retention && retentionQuery(q, q.retention, range, "UTC"),
  ])
    must(query === undefined || query === null || typeof query.kind === "string");
  if (read.rule) {
    const whole = asGroup(read.rule as Rule);
    prune(whole);
    drawable(whole);
  }
  const b = read.behind as { title?: unknown } | undefined;
  if (b) must(typeof b.title === "string");
}

function drawable(r: Rule): void {
  const group = groupOf(r);
  if (isNot(r)) drawable(r.not);
  else if (isHousehold(r)) drawable(membersOf(r).of);
  else if (isSequence(r))
    for (const s of r.sequence) {
      must(typeof s.event === "string" && (s.where ?? []).every(isCondition));
      if (s.within !== undefined) must(parseLength(s.within) !== null);
    }
  else if (group) for (const part of group.of) drawable(part);
  else if (isTrait(r)) must(typeof r.trait === "string" && isCondition({ op: r.op, value: r.value }));
  else if (isSegment(r)) must(typeof r.segment === "string");
  else {
    must(isEvent(r) && typeof r.event === "string");
    if (!isEvent(r)) return;
    must((r.where ?? []).every(isCondition));
    if (r.within !== undefined) must(parseLength(r.within) !== null);
    if (r.count) must(Number.isSafeInteger(r.count.value));
  }
}

describe.each(Object.entries(pages))("links to %s", (_name, { reads, search }) => {
  const all = [sharedSearch as Read, ...reads];
  const readAll = (s: string): Raw => {
    const raw = parseSearch(s);
    // As the router does it: what was read lies over what was written.
    return Object.assign({ ...raw }, ...all.map((read) => validated(read)(raw)));
  };
  const link = stringifySearch(search);

  it("say the same when they come back, with nothing to complain about", () => {
    expect(stringifySearch(parseSearch(link))).toBe(link);
    expect(damagedParts(link, all)).toEqual([]);
    expect(stringifySearch(readAll(link))).toHaveLength(link.length);
  });

  it("never break the page when they are damaged", () => {
    const next = random(7);
    for (let i = 0; i < 300; i++) {
      let damaged = damage(link, next);
      if (next() < 0.3) damaged = damage(damaged, next);
      const path = mendPath(`/people/${damaged.slice(0, 40)}`);
      decodeURIComponent(path);
      use(readAll(damaged));
      damagedParts(damaged, all);
      // What is written back can be read again.
      use(readAll(stringifySearch(readAll(damaged))));
    }
  }, 20_000);

  it("say so when they were cut off within a value", () => {
    for (const [key, v] of Object.entries(search)) {
      if (typeof v !== "object") continue;
      const one = stringifySearch({ [key]: v });
      for (const share of [0.5, 0.8, 0.95]) {
        const cut = one.slice(0, Math.floor(one.length * share));
        expect(damagedParts(cut, all), cut).toEqual([key]);
      }
    }
  });
});

it("keeps of a rule what can be read", () => {
  const cut = `?rule=${encodeURIComponent(JSON.stringify({ and: [{ segment: "a" }, { trait: "city", op: "eq", value: "x" }] }).slice(0, -12))}`;
  expect(draftSearch(parseSearch(cut)).rule).toEqual({
    and: [{ segment: "a" }, { trait: "city", op: "eq" }],
  });
  const wrong = {
    or: [{ event: "e", within: "long", where: [{ op: "?" }, { property: "p", op: "exists" }] }, { x: 1 }, 5],
  };
  expect(draftSearch({ rule: wrong }).rule).toEqual({
    or: [{ event: "e", where: [{ property: "p", op: "exists" }] }],
  });
});

it("says which values mean nothing, and leaves strange parameters alone", () => {
  expect(
    damagedParts("?tab=nonsense&range=2026-02-30~2026-03-01&utm_source=mail&gclid=1", [readQuestion as Read]),
  ).toEqual(["tab", "range"]);
  expect(damagedParts("?q=&tab=sql", [readQuestion as Read])).toEqual([]);
});

it("mends paths that end within a character", () => {
  expect(mendPath("/people/%E4%B8%AD")).toBe("/people/%E4%B8%AD");
  expect(mendPath("/people/user_id%3A%E4%B8")).toBe("/people/user_id%3A%EF%BF%BD");
  expect(mendPath("/a%/b%2/c%zz")).toBe("/a%EF%BF%BD/b%EF%BF%BD2/c%EF%BF%BDzz");
  expect(mendPath("/people/%00%E4")).toBe("/people/%00%EF%BF%BD");
});

it("survives rules that nest without end", () => {
  const deep = `${'{"not":'.repeat(5000)}{"segment":"a"}${"}".repeat(5000)}`;
  expect(draftSearch(parseSearch(`?rule=${encodeURIComponent(deep)}`)).rule).toBeUndefined();
});
