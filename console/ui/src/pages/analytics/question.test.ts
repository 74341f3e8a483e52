import { describe, expect, it } from "vitest";
import type { QueryResult } from "@/api/types";
import {
  exampleFunnel,
  funnelQuery,
  readFunnel,
  readQuestion,
  readRetention,
  readTrend,
  resolveRange,
  retentionCurve,
  retentionQuery,
  trendQuery,
} from "./question";

const zone = "Asia/Shanghai";
const range = resolveRange("2026-01-01~2026-01-31", zone, "2026-02-10");
const meta = { elapsed_ms: 1, scanned_events: 1, sql: "", truncated: false };

describe("range", () => {
  it("is whole days of the workspace's zone, the end excluded", () => {
    expect(range).toMatchObject({
      from: "2025-12-31T16:00:00.000Z",
      to: "2026-01-31T16:00:00.000Z",
      days: 31,
    });
  });
  it.each([
    [undefined, "2026-01-12", "2026-02-10"],
    ["today", "2026-02-10", "2026-02-10"],
    ["yesterday", "2026-02-09", "2026-02-09"],
    ["7d", "2026-02-04", "2026-02-10"],
    ["month", "2026-02-01", "2026-02-10"],
    ["last_month", "2026-01-01", "2026-01-31"],
    ["all", "2010-12-01", "2026-02-10"],
  ])("%s is %s to %s", (preset, first, last) => {
    expect(resolveRange(preset, zone, "2026-02-10", "2010-12-01")).toMatchObject({ first, last });
  });
});

describe("the address", () => {
  it("gives back what was put in", () => {
    const q = {
      tab: "trend" as const,
      range: "2026-01-01~2026-01-31",
      segment: "seg_a",
      filters: [{ dimension: "city", op: "eq" as const, value: "x" }],
      by: { property: "p" },
      trend: { series: [{ event: "a", measure: "sum" as const, property: "x" }], interval: "week" as const },
      funnel: {
        steps: [{ event: "a" }, { event: "b", where: [{ property: "p", op: "gte" as const, value: 1 }] }],
        window: "14d",
      },
      retention: { first: { event: "a" }, return: { event: "*" }, periods: 8 },
      sql: "select 1",
    };
    expect(readQuestion(JSON.parse(JSON.stringify(q)))).toEqual(q);
  });
  it("forgets what is wrong and keeps the rest", () => {
    expect(
      readQuestion({
        tab: "pie",
        range: "2026-02-01~2026-01-01",
        filters: [{ op: "like" }, 7],
        trend: { series: "x" },
        funnel: { steps: [{ event: 5 }, { event: "b" }], window: "soon" },
        retention: { first: { event: "a" } },
        segment: "seg_a",
      }),
    ).toEqual({ segment: "seg_a", funnel: { steps: [{ event: "b" }] } });
  });
});

describe("what is sent", () => {
  it("leaves out what is not finished", () => {
    const q = { filters: [{ op: "eq" as const }] };
    const draft = {
      series: [
        { event: "", measure: "count" as const },
        { event: "a", measure: "sum" as const },
        {
          event: "b",
          measure: "count" as const,
          property: "left over",
          where: [{ property: "p", op: "gte" as const }],
        },
      ],
    };
    expect(trendQuery(q, draft, range, zone)).toEqual({
      kind: "trend",
      from: range.from,
      to: range.to,
      tz: zone,
      interval: "day",
      series: [{ event: "b", measure: "count" }],
    });
  });
  it("asks nothing of a funnel with one step, nor of a half retention", () => {
    expect(funnelQuery({}, { steps: [{ event: "a" }, { event: "" }] }, range, zone, true)).toBeNull();
    expect(retentionQuery({}, { first: { event: "a" }, return: { event: "" } }, range, zone)).toBeNull();
  });
  it("does not break down a retention", () => {
    const r = retentionQuery(
      { by: { property: "p" } },
      { first: { event: "a" }, return: { event: "a" } },
      range,
      zone,
    );
    expect(r).not.toHaveProperty("breakdown");
    expect(r).toMatchObject({ interval: "week", periods: 5, mode: "n_day" });
  });
});

it("reads a trend with groups, also with holes", () => {
  const result: QueryResult = {
    columns: ["time", "series", "city", "value"].map((name) => ({ name, type: "string" })),
    rows: [
      ["t1", 0, "A", 1],
      ["t2", 0, "A", 2],
      ["t2", 0, null, 3],
    ],
    meta,
  };
  expect(readTrend(result)).toEqual({
    times: ["t1", "t2"],
    lines: [
      { series: 0, group: ["A"], values: [1, 2] },
      { series: 0, group: [null], values: [null, 3] },
    ],
  });
});

it("reads a funnel by group", () => {
  const columns = [
    "step",
    "event",
    "city",
    "persons",
    "conversion",
    "step_conversion",
    "median_seconds",
    "avg_seconds",
    "total_median_seconds",
  ];
  const result: QueryResult = {
    columns: columns.map((name) => ({ name, type: "number" })),
    rows: [
      [1, "a", "A", 10, 1, 1, null, null, null],
      [2, "b", "A", 5, 0.5, 0.5, 60, 80, 60],
      [1, "a", "B", 4, 1, 1, null, null, null],
    ],
    meta,
  };
  const groups = readFunnel(result);
  expect(groups.map((g) => [g.group, g.steps.map((s) => s.persons)])).toEqual([
    [["A"], [10, 5]],
    [["B"], [4]],
  ]);
  expect(groups[0]?.steps[1]).toMatchObject({
    stepConversion: 0.5,
    median: 60,
    average: 80,
    wholeMedian: 60,
  });
});

it("weighs the retention curve by size and leaves out running periods", () => {
  const result: QueryResult = {
    columns: ["cohort", "size", "period", "persons", "rate"].map((name) => ({ name, type: "number" })),
    rows: [
      ["c1", 100, 0, 100, 1],
      ["c1", 100, 1, 50, 0.5],
      ["c2", 300, 0, 300, 1],
      ["c2", 300, 1, 3, 0.01],
    ],
    meta,
  };
  const cohorts = readRetention(result);
  expect(retentionCurve(cohorts, () => false)).toEqual([1, 53 / 400]);
  expect(retentionCurve(cohorts, (c, p) => c + p === 2)).toEqual([1, 0.5]);
});

it("proposes a funnel that narrows", () => {
  const e = (event: string, persons: number, type = "track") => ({
    event,
    type,
    count: persons * 3,
    persons,
  });
  const steps = exampleFunnel([
    e("buy", 20),
    e("$identify", 900, "identify"),
    e("look", 1000),
    e("glance", 990),
    e("book", 200),
  ])?.steps;
  expect(steps?.map((s) => s.event)).toEqual(["look", "book", "buy"]);
  expect(exampleFunnel([e("look", 10)])).toBeNull();
});

it("prefers a way that people are known to go", () => {
  const e = (event: string, persons: number) => ({ event, type: "track", count: persons, persons });
  const seen = [
    e("Order Completed", 30),
    e("view", 90),
    e("Product Viewed", 80),
    e("Product Added", 40),
    e("x", 999),
  ];
  expect(exampleFunnel(seen)?.steps.map((s) => s.event)).toEqual([
    "Product Viewed",
    "Product Added",
    "Order Completed",
  ]);
});
