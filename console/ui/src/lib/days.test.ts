import { expect, it } from "vitest";
import { startOfDay, startOfDayKey } from "./days";

const iso = (t: number) => new Date(t).toISOString();

it("finds midnight where the workspace is", () => {
  const at = Date.parse("2026-01-31T16:30:00Z"); // 1 February, 00:30 in Shanghai
  expect(iso(startOfDay(at, "Asia/Shanghai"))).toBe("2026-01-31T16:00:00.000Z");
  expect(iso(startOfDay(at, "Asia/Shanghai", 1))).toBe("2026-01-30T16:00:00.000Z");
  expect(iso(startOfDay(at, "UTC"))).toBe("2026-01-31T00:00:00.000Z");
  expect(iso(startOfDay(at, "America/New_York"))).toBe("2026-01-31T05:00:00.000Z");
});

it("keeps to the calendar when clocks change", () => {
  // Berlin: 29 March 2026 has 23 hours.
  expect(iso(startOfDayKey("2026-03-29", "Europe/Berlin"))).toBe("2026-03-28T23:00:00.000Z");
  expect(iso(startOfDayKey("2026-03-30", "Europe/Berlin"))).toBe("2026-03-29T22:00:00.000Z");
  expect(iso(startOfDay(Date.parse("2026-03-31T12:00:00Z"), "Europe/Berlin", 2))).toBe(
    "2026-03-28T23:00:00.000Z",
  );
});
