import type {
  Condition,
  FunnelQuery,
  Interval,
  Measure,
  QueryResult,
  RetentionQuery,
  TrendQuery,
} from "@/api/types";
import { type HouseholdTrait, householdTraits } from "@/components/conditions/fields";
import { formatJson } from "@/lib/json";
import { conditionComplete, isCondition, parseLength } from "@/lib/rule";
import { compact, oneOf, str } from "@/lib/search";
import { addDays, isDayKey, startOfDay } from "@/lib/zone";

/** A question as it stands in the address, finished or not, and what of it is sent to the server. */
export const kinds = ["trend", "funnel", "retention", "sql"] as const;
export type Kind = (typeof kinds)[number];

export interface EventDraft {
  event: string;
  where?: Condition[];
}
export interface SeriesDraft extends EventDraft {
  measure: Measure;
  property?: string;
}
export interface TrendDraft {
  series: SeriesDraft[];
  interval?: Interval;
  chart?: "line" | "bar";
}
export interface FunnelDraft {
  steps: EventDraft[];
  window?: string;
  mode?: FunnelMode;
}
export interface RetentionDraft {
  first: EventDraft;
  return: EventDraft;
  interval?: "day" | "week" | "month";
  periods?: number;
  mode?: "n_day" | "rolling";
}
export interface Breakdown {
  property?: string;
  context?: string;
  dimension?: string;
  household?: HouseholdTrait;
}

/** All tabs together: going to another tab and back loses nothing. */
export interface Question {
  tab?: Kind;
  /** A preset, or days as "2026-01-01~2026-01-31". */
  range?: string;
  segment?: string;
  /** What is counted; people without it. */
  subject?: "household";
  filters?: Condition[];
  by?: Breakdown;
  trend?: TrendDraft;
  funnel?: FunnelDraft;
  retention?: RetentionDraft;
  sql?: string;
}
export const questionKeys = [
  "tab",
  "range",
  "segment",
  "subject",
  "filters",
  "by",
  "trend",
  "funnel",
  "retention",
  "sql",
] as const satisfies readonly (keyof Question)[];

export const measures: readonly Measure[] = [
  "count",
  "persons",
  "per_person",
  "sum",
  "avg",
  "min",
  "max",
  "median",
  "p90",
  "p95",
  "p99",
];
export const needsProperty = (m: Measure): boolean => m !== "count" && m !== "persons" && m !== "per_person";

// Reading the address

type Raw = Record<string, unknown>;
const isObject = (v: unknown): v is Raw => typeof v === "object" && v !== null && !Array.isArray(v);

function readEvent(v: unknown): EventDraft | null {
  if (!isObject(v) || typeof v.event !== "string") return null;
  const where = Array.isArray(v.where) ? v.where.filter(isCondition) : [];
  return { event: v.event, ...(where.length > 0 ? { where } : {}) };
}

function readList<T>(v: unknown, read: (x: unknown) => T | null, most: number): T[] {
  return Array.isArray(v)
    ? v
        .slice(0, most)
        .map(read)
        .filter((x) => x !== null)
    : [];
}

function readSeries(v: unknown): SeriesDraft | null {
  const e = readEvent(v);
  if (!e || !isObject(v)) return null;
  return {
    ...e,
    measure: oneOf(v, "measure", measures) ?? "count",
    ...compact({ property: str(v, "property") }),
  };
}

export const intervals = ["hour", "day", "week", "month", "total"] as const;
/** Whether each step takes an event of its own, or one may serve as several. */
export const funnelModes = ["distinct", "window_funnel"] as const;
export type FunnelMode = (typeof funnelModes)[number];
export const cohortIntervals = ["day", "week", "month"] as const;

export function readQuestion(raw: Raw): Question {
  const { trend, funnel, retention, by } = raw;
  const filters = readList(raw.filters, (x) => (isCondition(x) ? x : null), 50);
  const series = isObject(trend) ? readList(trend.series, readSeries, 20) : [];
  const steps = isObject(funnel) ? readList(funnel.steps, readEvent, 20) : [];
  const first = isObject(retention) ? readEvent(retention.first) : null;
  const back = isObject(retention) ? readEvent(retention.return) : null;
  return compact<Question>({
    tab: oneOf(raw, "tab", kinds),
    range: readRange(str(raw, "range")),
    segment: str(raw, "segment"),
    subject: oneOf(raw, "subject", ["household"] as const),
    filters: filters.length > 0 ? filters : undefined,
    by: isObject(by)
      ? compact({
          property: str(by, "property"),
          context: str(by, "context"),
          dimension: str(by, "dimension"),
          household: oneOf(by, "household", householdTraits),
        })
      : undefined,
    trend:
      isObject(trend) && series.length > 0
        ? compact({
            series,
            interval: oneOf(trend, "interval", intervals),
            chart: oneOf(trend, "chart", ["line", "bar"] as const),
          })
        : undefined,
    funnel:
      isObject(funnel) && steps.length > 0
        ? compact({
            steps,
            window: parseLength(str(funnel, "window")) ? str(funnel, "window") : undefined,
            mode: oneOf(funnel, "mode", funnelModes),
          })
        : undefined,
    retention:
      isObject(retention) && first && back
        ? compact({
            first,
            return: back,
            interval: oneOf(retention, "interval", cohortIntervals),
            periods: wholeNumber(retention.periods, 1, 100),
            mode: oneOf(retention, "mode", ["n_day", "rolling"] as const),
          })
        : undefined,
    sql: str(raw, "sql"),
  });
}

function wholeNumber(v: unknown, least: number, most: number): number | undefined {
  return typeof v === "number" && Number.isInteger(v) && v >= least && v <= most ? v : undefined;
}

// The range

export const presets = [
  "today",
  "yesterday",
  "7d",
  "14d",
  "30d",
  "90d",
  "12m",
  "month",
  "last_month",
  "all",
] as const;
export type Preset = (typeof presets)[number];
export const defaultRange: Preset = "30d";

const isPreset = (s: string): s is Preset => (presets as readonly string[]).includes(s);

function readRange(s: string | undefined): string | undefined {
  if (!s || isPreset(s)) return s;
  const [from, to, more] = s.split("~");
  return from && to && more === undefined && isDayKey(from) && isDayKey(to) && from <= to ? s : undefined;
}

export interface Range {
  preset: Preset | null;
  /** First and last day, both inclusive. */
  first: string;
  last: string;
  from: string;
  to: string;
  days: number;
}

/** Days of the workspace's zone. `today` is its day now, `earliest` the first day with data. */
export function resolveRange(
  range: string | undefined,
  zone: string,
  today: string,
  earliest?: string,
): Range {
  const value = range ?? defaultRange;
  let first = today;
  let last = today;
  if (!isPreset(value)) {
    [first, last] = value.split("~") as [string, string];
  } else if (value === "yesterday") {
    first = addDays(today, -1);
    last = first;
  } else if (value === "month") {
    first = `${today.slice(0, 7)}-01`;
  } else if (value === "last_month") {
    last = addDays(`${today.slice(0, 7)}-01`, -1);
    first = `${last.slice(0, 7)}-01`;
  } else if (value === "all") {
    first = earliest && earliest < today ? earliest : addDays(today, -29);
  } else if (value !== "today") {
    first = addDays(today, 1 - { "7d": 7, "14d": 14, "30d": 30, "90d": 90, "12m": 365 }[value]);
  }
  return {
    preset: isPreset(value) ? value : null,
    first,
    last,
    from: startOfDay(first, zone).toISOString(),
    to: startOfDay(addDays(last, 1), zone).toISOString(),
    days: Math.round((Date.parse(`${last}T00:00:00Z`) - Date.parse(`${first}T00:00:00Z`)) / 86_400_000) + 1,
  };
}

export function autoInterval(days: number): Interval {
  if (days <= 2) return "hour";
  if (days <= 92) return "day";
  return days <= 500 ? "week" : "month";
}

export function autoCohort(days: number): "day" | "week" | "month" {
  if (days <= 16) return "day";
  return days <= 190 ? "week" : "month";
}

export const cohortDays = { day: 1, week: 7, month: 30.4 } as const;

// What is sent

const finished = (list: readonly Condition[] | undefined): Condition[] | undefined => {
  const done = (list ?? []).filter(conditionComplete);
  return done.length > 0 ? done : undefined;
};
const selector = (e: EventDraft) => compact({ event: e.event, where: finished(e.where) });

function base(q: Question, range: Range, tz: string, withBreakdown: boolean) {
  const by = q.by;
  return compact({
    from: range.from,
    to: range.to,
    tz,
    segment: q.segment,
    subject: q.subject,
    filters: finished(q.filters),
    breakdown:
      withBreakdown && by && (by.property || by.context || by.dimension || by.household) ? [by] : undefined,
  });
}

/** Null while the question has nothing to ask. */
export function trendQuery(q: Question, draft: TrendDraft, range: Range, tz: string): TrendQuery | null {
  const series = draft.series
    .filter((s) => s.event && (!needsProperty(s.measure) || s.property))
    .map((s) => ({
      ...selector(s),
      measure: s.measure,
      ...(needsProperty(s.measure) ? { property: s.property } : {}),
    }));
  if (series.length === 0) return null;
  return {
    kind: "trend",
    ...base(q, range, tz, true),
    interval: draft.interval ?? autoInterval(range.days),
    series,
  };
}

export const defaultWindow = "7d";

export function funnelQuery(
  q: Question,
  draft: FunnelDraft,
  range: Range,
  tz: string,
  by: boolean,
): FunnelQuery | null {
  const steps = draft.steps.filter((s) => s.event).map(selector);
  if (steps.length < 2) return null;
  return {
    kind: "funnel",
    ...base(q, range, tz, by),
    steps,
    window: draft.window ?? defaultWindow,
    order: "loose",
    ...compact({ mode: draft.mode }),
  };
}

export function retentionQuery(
  q: Question,
  draft: RetentionDraft,
  range: Range,
  tz: string,
): RetentionQuery | null {
  if (!draft.first.event || !draft.return.event) return null;
  const interval = draft.interval ?? autoCohort(range.days);
  return {
    kind: "retention",
    ...base(q, range, tz, false),
    first: selector(draft.first),
    return: selector(draft.return),
    interval,
    periods: draft.periods ?? Math.max(1, Math.min(12, Math.ceil(range.days / cohortDays[interval]))),
    mode: draft.mode ?? "n_day",
  };
}

// Examples out of the catalogue

interface Seen {
  event: string;
  type: string;
  count: number;
  persons: number;
}

/** Events that people name themselves come before page views and identifies. */
export function exampleTrend(events: readonly Seen[]): TrendDraft | null {
  const top = [...events].sort(
    (a, b) => Number(b.type === "track") - Number(a.type === "track") || b.count - a.count,
  )[0];
  return top ? { series: [{ event: top.event, measure: "count" }] } : null;
}

/** Ways that people are known to go; each step by any of its names. */
const knownWays: readonly (readonly (readonly string[])[])[] = [
  [["Product Viewed", "Model Viewed"], ["Test Drive Booked"], ["Test Drive Completed"], ["Order Completed"]],
  [
    ["Product Viewed", "view"],
    ["Product Added", "addtocart"],
    ["Checkout Started"],
    ["Order Completed", "transaction"],
  ],
];

/** A way that is known and was gone here; else up to four events, each done by clearly fewer people than the one before. */
export function exampleFunnel(events: readonly Seen[]): FunnelDraft | null {
  const seen = new Set(events.filter((e) => e.persons > 0).map((e) => e.event));
  for (const way of knownWays) {
    const found = way.flatMap((names) => names.filter((n) => seen.has(n)).slice(0, 1));
    if (found.length >= 3) return { steps: found.map((event) => ({ event })), window: "30d" };
  }
  const steps: Seen[] = [];
  for (const e of [...events].sort((a, b) => b.persons - a.persons)) {
    if (e.type === "identify" || e.type === "alias" || e.type === "group" || e.persons === 0) continue;
    const before = steps.at(-1);
    if (!before || e.persons <= before.persons * 0.85) steps.push(e);
    if (steps.length === 4) break;
  }
  return steps.length >= 2 ? { steps: steps.map((e) => ({ event: e.event })), window: "14d" } : null;
}

export function exampleRetention(events: readonly Seen[]): RetentionDraft | null {
  const visit = ["Application Opened", "$screen", "$page", "Signed In"].find((name) =>
    events.some((e) => e.event === name && e.persons > 0),
  );
  const top = visit ? { event: visit } : exampleTrend(events)?.series[0];
  return top ? { first: { event: top.event }, return: { event: top.event } } : null;
}

// Reading answers

export interface Line {
  /** Index in the question's series. */
  series: number;
  group: (string | null)[];
  values: (number | bigint | null)[];
}

/** A trend's rows as lines over the same times. */
export function readTrend(result: QueryResult): { times: string[]; lines: Line[] } {
  const groupWidth = Math.max(0, result.columns.length - 3);
  const times: string[] = [];
  const at = new Map<string, number>();
  const lines = new Map<string, Line>();
  for (const row of result.rows) {
    const time = String(row[0]);
    if (!at.has(time)) {
      at.set(time, times.length);
      times.push(time);
    }
    const group = row.slice(2, 2 + groupWidth) as (string | null)[];
    const key = formatJson([row[1], group]);
    const line = lines.get(key) ?? { series: Number(row[1]), group, values: [] };
    lines.set(key, line);
    line.values[at.get(time) as number] = row[2 + groupWidth] as number | bigint | null;
  }
  for (const line of lines.values())
    for (let i = 0; i < times.length; i++) line.values[i] = line.values[i] ?? null;
  return { times, lines: [...lines.values()] };
}

export interface Step {
  step: number;
  event: string;
  persons: number;
  conversion: number;
  stepConversion: number;
  median: number | null;
  average: number | null;
  /** From the first step to this one. */
  wholeMedian: number | null;
}

/** A funnel's rows by group. */
export function readFunnel(result: QueryResult): { group: (string | null)[]; steps: Step[] }[] {
  const w = Math.max(0, result.columns.findLastIndex((c) => c.name === "persons") - 2);
  const groups = new Map<string, { group: (string | null)[]; steps: Step[] }>();
  for (const row of result.rows) {
    const group = row.slice(2, 2 + w) as (string | null)[];
    const key = formatJson(group);
    const g = groups.get(key) ?? { group, steps: [] };
    groups.set(key, g);
    const n = row.slice(2 + w) as (number | null)[];
    g.steps.push({
      step: Number(row[0]),
      event: String(row[1]),
      persons: n[0] ?? 0,
      conversion: n[1] ?? 0,
      stepConversion: n[2] ?? 0,
      median: n[3] ?? null,
      average: n[4] ?? null,
      wholeMedian: n[5] ?? null,
    });
  }
  return [...groups.values()];
}

export interface Cohort {
  time: string;
  size: number;
  cells: { persons: number; rate: number }[];
}

export function readRetention(result: QueryResult): Cohort[] {
  const cohorts = new Map<string, Cohort>();
  for (const row of result.rows) {
    const time = String(row[0]);
    const c = cohorts.get(time) ?? { time, size: Number(row[1]), cells: [] };
    cohorts.set(time, c);
    c.cells[Number(row[2])] = { persons: Number(row[3]), rate: Number(row[4]) };
  }
  return [...cohorts.values()];
}

/**
 * The rate of each period over all cohorts that have lived through it, weighted by size. `running` says whether a cell's
 * period is still going on; those would pull the curve down.
 */
export function retentionCurve(
  cohorts: readonly Cohort[],
  running: (cohort: number, period: number) => boolean,
): (number | null)[] {
  const most = Math.max(0, ...cohorts.map((c) => c.cells.length));
  return Array.from({ length: most }, (_, period) => {
    let size = 0;
    let persons = 0;
    cohorts.forEach((c, i) => {
      const cell = c.cells[period];
      if (!cell || running(i, period)) return;
      size += c.size;
      persons += cell.persons;
    });
    return size > 0 ? persons / size : null;
  });
}
