/** Answers to questions, made up but of the right shape. */
import type {
  CatalogueEvent,
  ExposedQuery,
  FunnelQuery,
  MatchedQuery,
  Query,
  QueryResult,
  RetentionQuery,
  TrendQuery,
} from "../src/api/types";
import { catalogue } from "./world.ts";

const day = 86_400_000;
const steps = { hour: 3_600_000, day, week: 7 * day, month: 30 * day, total: Number.POSITIVE_INFINITY };

export function answer(q: Query): QueryResult {
  const meta = {
    elapsed_ms: 41.3,
    scanned_events: 4_812_330,
    sql: "select time_bucket(interval '1 day', time, $tz) as time, count(*)\nfrom events\nwhere time >= $from and time < $to\ngroup by 1",
    fresh_to: new Date().toISOString(),
    truncated: false,
  };
  if (q.kind === "trend") return { ...trend(q), meta };
  if (q.kind === "funnel") return { ...funnel(q), meta };
  if (q.kind === "matched") return { ...matched(q), meta };
  if (q.kind === "exposed") return { ...exposed(q), meta };
  if (q.kind === "retention") return { ...retention(q), meta };
  return {
    columns: [
      { name: "event", type: "string" },
      { name: "n", type: "number" },
    ],
    rows: catalogue.map((c) => [c.event, c.count]),
    meta,
  };
}

/** A number between 0 and 1 that is always the same for the same words. */
function noise(...words: unknown[]): number {
  let h = 2166136261;
  for (const c of words.join("|")) h = Math.imul(h ^ c.charCodeAt(0), 16777619);
  return ((h >>> 0) % 10_000) / 10_000;
}

function groups(q: { breakdown?: readonly object[] | undefined }): string[][] {
  if (!q.breakdown?.length) return [[]];
  return [["上海"], ["北京"], ["杭州"], ["München"]].map((g) => q.breakdown!.map((_, i) => g[i] ?? "Aurora"));
}

const column = (name: string, type: "number" | "string" | "time") => ({ name, type });
const broken = (q: { breakdown?: readonly object[] | undefined }) =>
  (q.breakdown ?? []).map((_, i) => column(`breakdown_${i + 1}`, "string"));

/** Sales, and the parts of them that are tied to somebody by an identifier, a probable match, a household. */
function matched(q: MatchedQuery) {
  const size = steps[q.interval ?? "week"];
  const rows: unknown[][] = [];
  for (let t = Date.parse(q.from!); t < Date.parse(q.to!); t += size)
    for (const g of groups(q)) {
      const all = Math.round(120 + 60 * noise(t, g));
      const parts = [0.46, 0.09, 0.06].map((share) => Math.round(all * (share + 0.05 * noise(t, g, share))));
      const share = parts.reduce((a, b) => a + b) / all;
      const events = [all, ...parts, share];
      const revenue = [...[all, ...parts].map((n) => n * 239_000), share];
      rows.push([new Date(t).toISOString(), ...g, ...events, ...(q.amount ? revenue : [])]);
    }
  const of = (what: string) =>
    [what, `identifier_${what}`, `probable_${what}`, `household_${what}`, `${what}_share`].map((name) =>
      column(name, "number"),
    );
  return {
    columns: [column("time", "time"), ...broken(q), ...of("events"), ...(q.amount ? of("revenue") : [])],
    rows,
  };
}

/** Sales by the advertisement that was seen last before them. */
function exposed(q: ExposedQuery) {
  const touches: [string | null, string, number][] = [
    ["spring-launch", "exposed", 0.31],
    ["test-drive-weekend", "exposed", 0.18],
    [null, "other", 0.07],
    [null, "none", 0.44],
  ];
  return {
    columns: [
      ...broken(q),
      column("touch", "string"),
      column("way", "string"),
      ...["sales", "share", "persons", "median_seconds"].map((name) => column(name, "number")),
    ],
    rows: groups(q).flatMap((g) =>
      touches.map(([touch, way, share]) => [
        ...g,
        touch,
        way,
        Math.round(share * 1_904),
        share,
        Math.round(share * 1_811),
        way === "none" ? null : 86_400 * 6,
      ]),
    ),
  };
}

function trend(q: TrendQuery) {
  const size = steps[q.interval ?? "day"];
  const from = Date.parse(q.from!);
  const to = Date.parse(q.to!);
  const rows: unknown[][] = [];
  q.series.forEach((s, i) => {
    for (const g of groups(q)) {
      const volume =
        s.event !== "*"
          ? (catalogue.find((c: CatalogueEvent) => c.event === s.event)?.count ?? 500)
          : 480_000;
      for (let t = from; t < to; t += size) {
        const season = 0.75 + 0.25 * Math.sin(t / day) + 0.3 * noise(t, i, g);
        const persons = s.measure === "persons" || s.measure === "per_person";
        const share = Number.isFinite(size) ? size / (30 * day) : 1;
        const value =
          s.measure === "per_person"
            ? 2 + noise(t) * 3
            : (s.measure === "sum" ? 268_000 : 1) *
              Math.round(
                (volume * share * season * (g.length ? 0.2 + noise(g) * 0.3 : 1)) / (persons ? 6 : 1),
              );
        rows.push([new Date(t).toISOString(), i, ...g, value]);
        if (!Number.isFinite(size)) break;
      }
    }
  });
  return {
    columns: [
      { name: "time", type: "time" as const },
      { name: "series", type: "number" as const },
      ...(q.breakdown ?? []).map((b) => ({
        name: b.property ?? b.context ?? b.dimension ?? "",
        type: "string" as const,
      })),
      { name: "value", type: "number" as const },
    ],
    rows,
  };
}

function funnel(q: FunnelQuery) {
  const rows: unknown[][] = [];
  for (const g of groups(q)) {
    let persons = Math.round(12_400 * (g.length ? 0.15 + noise(g) * 0.25 : 1));
    const first = persons;
    q.steps.forEach((s, i) => {
      const before = persons;
      if (i > 0) persons = Math.round(persons * (0.22 + noise(s.event, i, g) * 0.5));
      rows.push([
        i + 1,
        s.name ?? s.event,
        ...g,
        persons,
        persons / first,
        i ? persons / before : 1,
        i ? 5400 * (i + noise(i) * 4) : null,
        i ? 9800 * (i + noise(i) * 4) : null,
        i ? 6100 * i * (i + noise(i) * 4) : null,
      ]);
    });
  }
  return {
    columns: [
      { name: "step", type: "number" as const },
      { name: "event", type: "string" as const },
      ...(q.breakdown ?? []).map((b) => ({
        name: b.property ?? b.context ?? b.dimension ?? "",
        type: "string" as const,
      })),
      { name: "persons", type: "number" as const },
      { name: "conversion", type: "number" as const },
      { name: "step_conversion", type: "number" as const },
      { name: "median_seconds", type: "number" as const },
      { name: "avg_seconds", type: "number" as const },
      { name: "total_median_seconds", type: "number" as const },
    ],
    rows,
  };
}

function retention(q: RetentionQuery) {
  const size = steps[q.interval ?? "week"];
  const from = Date.parse(q.from!);
  const to = Date.parse(q.to!);
  const rows: unknown[][] = [];
  for (let c = from; c < to; c += size) {
    const cohort = Math.round(600 + 900 * noise(c));
    for (let p = 0; p <= (q.periods ?? 8) && c + p * size <= to; p++) {
      const rate = p === 0 ? 1 : Math.max(0.02, (0.52 + 0.1 * noise(c, p)) * p ** -0.45);
      rows.push([new Date(c).toISOString(), cohort, p, Math.round(cohort * rate), rate]);
    }
  }
  return {
    columns: [
      { name: "cohort", type: "time" as const },
      { name: "size", type: "number" as const },
      { name: "period", type: "number" as const },
      { name: "persons", type: "number" as const },
      { name: "rate", type: "number" as const },
    ],
    rows,
  };
}
