import { describe, expect, it } from "vitest";
import { bucketEnd, lineTotal, runningAt } from "./trendChart";

const far = "2030-01-01T00:00:00Z";
describe("when an interval ends", () => {
  it.each([
    ["2026-09-06T04:00:00Z", "day", "America/Santiago", "2026-09-07T03:00:00.000Z"],
    ["2026-03-28T23:00:00Z", "day", "Europe/Berlin", "2026-03-29T22:00:00.000Z"],
    ["2026-03-22T23:00:00Z", "week", "Europe/Berlin", "2026-03-29T22:00:00.000Z"],
    ["2017-10-01T04:00:00Z", "month", "America/Asuncion", "2017-11-01T03:00:00.000Z"],
    ["2026-01-31T16:00:00Z", "month", "Asia/Shanghai", "2026-02-28T16:00:00.000Z"],
    ["2026-12-31T16:00:00Z", "month", "Asia/Shanghai", "2027-01-31T16:00:00.000Z"],
    ["2026-01-31T16:00:00Z", "hour", "Asia/Shanghai", "2026-01-31T17:00:00.000Z"],
  ] as const)("%s, a %s in %s", (time, interval, zone, end) => {
    expect(new Date(bucketEnd(time, interval, far, zone)).toISOString()).toBe(end);
  });
  it("is the end of the range at the latest", () => {
    expect(bucketEnd("2026-01-01T00:00:00Z", "month", "2026-01-09T00:00:00Z", "UTC")).toBe(
      Date.parse("2026-01-09T00:00:00Z"),
    );
  });
});

it("adds whole numbers with all their digits", () => {
  expect(lineTotal([1, null, 2.5], "sum")).toBe(3.5);
  expect(lineTotal([9007199254740993n, 2, null], "sum")).toBe(9007199254740995n);
  expect(lineTotal([9007199254740993n, 0.5], "sum")).toBeCloseTo(2 ** 53, -2);
  expect(lineTotal([1, 2], "max")).toBeNull();
});

const times = ["2026-01-30T16:00:00Z", "2026-01-31T16:00:00Z", "2026-02-01T16:00:00Z"];
const at = (now: string, to = "2026-02-02T16:00:00Z") =>
  runningAt(times, "day", to, Date.parse(now), "Asia/Shanghai");

it("finds the interval that is running, also when later ones lie ahead", () => {
  expect(at("2026-01-30T16:00:00Z")).toBe(0);
  expect(at("2026-02-01T15:59:59Z")).toBe(1);
  expect(at("2026-02-02T15:00:00Z")).toBe(2);
});

it("finds none before the first, after the last or after the range", () => {
  expect(at("2026-01-30T15:59:59Z")).toBe(-1);
  expect(at("2026-02-02T16:00:00Z")).toBe(-1);
  expect(at("2026-02-01T20:00:00Z", "2026-02-01T18:00:00Z")).toBe(-1);
  expect(runningAt([], "day", "2026-02-01T18:00:00Z", 0, "UTC")).toBe(-1);
});
