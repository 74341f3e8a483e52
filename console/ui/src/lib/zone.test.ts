import { describe, expect, it } from "vitest";
import { addDays, isDayKey, startOfDay } from "./zone";

describe("days of a zone", () => {
  it.each([
    ["2026-01-31", "Asia/Shanghai", "2026-01-30T16:00:00.000Z"],
    ["2026-01-31", "UTC", "2026-01-31T00:00:00.000Z"],
    ["2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00.000Z"],
    ["2026-03-30", "Europe/Berlin", "2026-03-29T22:00:00.000Z"],
    ["2026-10-25", "Europe/London", "2026-10-24T23:00:00.000Z"],
    ["2026-03-08", "America/New_York", "2026-03-08T05:00:00.000Z"],
    ["2026-03-09", "America/New_York", "2026-03-09T04:00:00.000Z"],
    ["2026-06-01", "Asia/Kolkata", "2026-05-31T18:30:00.000Z"],
  ])("%s begins in %s at %s", (day, zone, want) => {
    expect(startOfDay(day, zone).toISOString()).toBe(want);
  });
  it("counts over ends of months", () => {
    expect(addDays("2026-03-01", -1)).toBe("2026-02-28");
    expect(addDays("2025-12-31", 1)).toBe("2026-01-01");
  });
  it("knows a day when it sees one", () => {
    expect(isDayKey("2026-01-31")).toBe(true);
    expect(isDayKey("2026-13-31")).toBe(false);
    expect(isDayKey("30d")).toBe(false);
  });
});
