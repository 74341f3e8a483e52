import { expect, test } from "vitest";
import type { QueryResult } from "@/api/types";
import { byGroup, readSales, shareOf, sumOf } from "./answer";

const columns = (...names: string[]) => names.map((name) => ({ name, type: "number" as const }));
const result = (names: string[], rows: unknown[][]) =>
  ({ columns: columns(...names), rows, meta: {} }) as unknown as QueryResult;

const events = ["events", "identifier_events", "probable_events", "household_events", "events_share"];
const revenue = ["revenue", "identifier_revenue", "probable_revenue", "household_revenue", "revenue_share"];

test("sales are read with and without groups and revenue", () => {
  const [one] = readSales(
    result(
      ["time", ...events, ...revenue],
      [["2026-01-01T00:00:00Z", 7, 2, 1, 1, 0.5, 200, 12, 7, 100, 0.6]],
    ),
  );
  expect(one?.events).toEqual({ all: 7, identifier: 2, probable: 1, household: 1, none: 3 });
  expect(one?.revenue?.none).toBe(81);
  const split = readSales(
    result(
      ["time", "store", ...events],
      [
        ["t", "a", 1, 1, 0, 0, 1],
        ["t", null, 3, 0, 0, 0, 0],
        ["u", "a", 3, 0, 1, 0, 0.3],
      ],
    ),
  );
  expect(split[1]?.group).toBeNull();
  expect(split[0]?.revenue).toBeNull();
  expect(byGroup(split).map((g) => [g.group, sumOf(g.sales, "events").all])).toEqual([
    ["a", 4],
    [null, 3],
  ]);
  expect(shareOf(sumOf(split, "events"))).toBeCloseTo(2 / 7);
  expect(shareOf(sumOf([], "events"))).toBeNull();
});
