import { expect, it } from "vitest";
import { runningAt } from "./trendChart";

const times = ["2026-01-30T16:00:00Z", "2026-01-31T16:00:00Z", "2026-02-01T16:00:00Z"];
const at = (now: string, to = "2026-02-02T16:00:00Z") => runningAt(times, "day", to, Date.parse(now));

it("finds the interval that is running, also when later ones lie ahead", () => {
  expect(at("2026-01-30T16:00:00Z")).toBe(0);
  expect(at("2026-02-01T15:59:59Z")).toBe(1);
  expect(at("2026-02-02T15:00:00Z")).toBe(2);
});

it("finds none before the first, after the last or after the range", () => {
  expect(at("2026-01-30T15:59:59Z")).toBe(-1);
  expect(at("2026-02-02T16:00:00Z")).toBe(-1);
  expect(at("2026-02-01T20:00:00Z", "2026-02-01T18:00:00Z")).toBe(-1);
  expect(runningAt([], "day", "2026-02-01T18:00:00Z", 0)).toBe(-1);
});
