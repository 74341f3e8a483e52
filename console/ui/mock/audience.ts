import type { components } from "../src/api/schema";
import { type Asked, ago, empty, Problem } from "./server.ts";
import { people, segments } from "./world.ts";

type S = components["schemas"];

const of = 20_412;
const sample = (from: number) => (empty ? [] : people.slice(from, from + 10).map((p) => p.summary));
const head = (body: any) => ({
  of: empty ? 0 : of,
  as_of: ago(0),
  elapsed_ms: 4.2,
  assumptions: (body.at ? ["traits_now", "lists_now"] : []) as S["AudienceAssumptions"],
});

const parts = (rule: any): { mode: "and" | "or"; paths: string[] } => {
  for (const mode of ["and", "or"] as const)
    if (Array.isArray(rule?.[mode]))
      return { mode, paths: rule[mode].map((_: unknown, i: number) => `${mode}.${i}`) };
  return { mode: "and", paths: [""] };
};

function count(body: any): S["AudienceCount"] {
  const rule = body.rule ?? segments.find((s) => s.id === body.segment)?.rule;
  const { mode, paths } = parts(rule);
  let left = mode === "and" ? of : 0;
  const steps = paths.map((path, i) => {
    const before = left;
    left = mode === "and" ? Math.round(left * (0.62 - i * 0.07)) : left + Math.round(3100 / (i + 1));
    return {
      path,
      members: Math.round(9000 / (i + 1)),
      left,
      change: left - before,
      only: Math.round(Math.abs(left - before) * (0.3 + 0.2 * i)) % 4000,
    };
  });
  return {
    ...head(body),
    members: empty ? 0 : left,
    conditions: steps.map(({ path, members }) => ({ path, members })),
    groups: [{ path: "", members: left }],
    waterfall: { mode, steps },
    warnings: [],
    sample: sample(4),
  };
}

function overlap(body: any): S["AudienceOverlap"] {
  const sets = body.sets.map((s: any, i: number) => ({
    segment: s.segment ?? null,
    name: s.name ?? segments.find((x) => x.id === s.segment)?.name ?? "",
    members: Math.round(4200 / (i + 1)),
  }));
  const intersections: { in: number[]; members: number }[] = [];
  for (let mask = 1; mask < 2 ** sets.length; mask++) {
    const within = sets.map((_: unknown, i: number) => i).filter((i: number) => mask & (1 << i));
    const members = Math.round(2600 / within.length ** 2 / (1 + ((mask * 7) % 5)));
    if (mask % 6 !== 5) intersections.push({ in: within, members });
  }
  intersections.sort((a, b) => b.members - a.members);
  return {
    ...head(body),
    union: intersections.reduce((n, x) => n + x.members, 0),
    sets,
    intersections: empty ? [] : intersections,
    sample: sample(12),
  };
}

function figures(members: number, all: number): S["AudienceFigures"] {
  const [share, shareAll] = [members / 4100, all / 18_200];
  const index = share / shareAll;
  const wide = 2 / Math.sqrt(members + 1);
  return {
    members,
    all,
    share,
    share_all: shareAll,
    index,
    low: index * (1 - wide),
    high: index * (1 + wide),
  };
}

const fields: Record<
  string,
  { kind: S["AudiencePortrait"]["fields"][number]["kind"]; telling: number; values: unknown[][] }
> = {
  city: {
    kind: "text",
    telling: 0.41,
    values: [
      ["上海", 1820, 3900],
      ["杭州", 610, 1500],
      ["北京", 480, 3600],
      ["深圳", 240, 2800],
      ["广州", 200, 2700],
      ["成都", 90, 1600],
      ["A city whose name is much longer than any column is wide, 以及更长的中文名称", 12, 30],
      ["苏州", 8, 700],
    ],
  },
  age: {
    kind: "number",
    telling: 0.18,
    values: [
      [null, 420, 3900, null, 25],
      [null, 1480, 4600, 25, 35],
      [null, 1300, 4900, 35, 45],
      [null, 900, 4800, 45, null],
    ],
  },
  vip: {
    kind: "boolean",
    telling: 0.12,
    values: [
      [true, 900, 1900],
      [false, 3200, 16_300],
    ],
  },
  interests: {
    kind: "list",
    telling: 0.08,
    values: [
      ["SUV", 1400, 5200],
      ["新能源", 1200, 4000],
      ["露营", 300, 1500],
    ],
  },
  since: {
    kind: "time",
    telling: 0.05,
    values: [
      [null, 2100, 9000, null, "2025-01-01T00:00:00Z"],
      [null, 2000, 9200, "2025-01-01T00:00:00Z", null],
    ],
  },
};

function portrait(body: any): S["AudiencePortrait"] {
  const asked: string[] = body.fields?.length ? body.fields.map((f: any) => f.trait) : Object.keys(fields);
  return {
    ...head(body),
    members: 4200,
    fields: empty
      ? []
      : asked.map((trait) => {
          const f = fields[trait] ?? fields.city!;
          return {
            trait,
            kind: f.kind,
            telling: f.telling,
            known: 4100,
            known_of: 18_200,
            different: f.values.length + (f.kind === "text" ? 31 : 0),
            values: f.values.map(([value, members, all, from = null, to = null]) => ({
              value,
              from,
              to,
              ...figures(members as number, all as number),
            })),
            other: f.kind === "text" ? figures(640, 1370) : null,
          };
        }),
  };
}

export function answerAudience({ path: [verb], body }: Asked): unknown {
  if (verb === "count") return count(body);
  if (verb === "overlap") return overlap(body);
  if (verb === "portrait") return portrait(body);
  if (verb === "fields")
    return {
      items: Object.keys(fields).map((trait) => ({ trait, type: "string", persons: 18_200 })),
      next_cursor: "",
    };
  if (verb === "freeze") return { segment: segments[0]?.id, members: 4200 };
  throw new Problem(404, `There is no audience/${verb}.`);
}

export function trendOf(members: number, hourly: boolean, points: number): S["SegmentTrend"] {
  const n = points || 30;
  return {
    interval: hourly ? "hour" : "day",
    complete_from: ago(n),
    points: Array.from({ length: empty ? 0 : n }, (_, i) => ({
      from: ago((n - 1 - i) / (hourly ? 24 : 1)),
      members: Math.round(members * (0.7 + (0.3 * i) / n)),
      entered: 40 + ((i * 13) % 30),
      left: 12 + ((i * 7) % 20),
    })),
  };
}

export const flowOf = (): S["SegmentFlow"] => ({
  from: ago(7),
  to: ago(0),
  complete: false,
  entered: empty ? 0 : 412,
  left: empty ? 0 : 130,
  stayed_out: empty ? 0 : 101,
  came_back: empty ? 0 : 29,
  from_segments: empty
    ? []
    : segments.slice(1, 4).map((s, i) => ({ id: s.id, name: s.name, members: 240 - i * 70 })),
  reasons: null,
  to_segments: empty
    ? []
    : segments.slice(2, 5).map((s, i) => ({ id: s.id, name: s.name, members: 60 - i * 20 })),
});

export const originOf = (kind: string): { origin: S["SegmentOrigin"] | null } => ({
  origin:
    kind === "static" && segments[1]
      ? {
          segment: segments[1].id,
          name: segments[1].name,
          version: 3,
          rule: segments[1].rule,
          at: ago(12),
          members: 812,
          assumptions: [],
          frozen_at: ago(11),
        }
      : null,
});
