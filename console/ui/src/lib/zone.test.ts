import { describe, expect, it } from "vitest";
import { addDays, dayOf, isDayKey, startOfDay } from "./zone";

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
    // Days whose midnight is skipped begin at 01:00.
    ["2026-09-06", "America/Santiago", "2026-09-06T04:00:00.000Z"],
    ["2026-09-07", "America/Santiago", "2026-09-07T03:00:00.000Z"],
    ["2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00.000Z"],
    ["2017-10-01", "America/Asuncion", "2017-10-01T04:00:00.000Z"],
    ["2026-04-24", "Africa/Cairo", "2026-04-23T22:00:00.000Z"],
    ["2024-03-31", "Asia/Beirut", "2024-03-30T22:00:00.000Z"],
    // Midnight comes twice: the first one.
    ["2026-11-01", "America/Havana", "2026-11-01T04:00:00.000Z"],
    ["2026-04-05", "America/Santiago", "2026-04-05T04:00:00.000Z"],
  ])("%s begins in %s at %s", (day, zone, want) => {
    expect(startOfDay(day, zone).toISOString()).toBe(want);
  });
  it.each([
    "America/Santiago",
    "America/Sao_Paulo",
    "America/Asuncion",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Tehran",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Asia/Shanghai",
    "Pacific/Auckland",
  ])("every day in %s begins with its own first moment", (zone) => {
    for (let key = "2016-12-31"; key < "2018-12-31"; key = addDays(key, 1)) {
      const at = startOfDay(key, zone).getTime();
      expect(dayOf(at, zone), key).toBe(key);
      expect(dayOf(at - 1, zone), key).toBe(addDays(key, -1));
    }
  });
  it("counts over ends of months", () => {
    expect(addDays("2026-03-01", -1)).toBe("2026-02-28");
    expect(addDays("2025-12-31", 1)).toBe("2026-01-01");
  });
  it("knows a day when it sees one", () => {
    expect(isDayKey("2026-01-31")).toBe(true);
    expect(isDayKey("2026-13-31")).toBe(false);
    expect(isDayKey("30d")).toBe(false);
    for (const wrong of ["2026-02-30", "0000-01-01", "9999-12-31", "2026-00-10", "+010000-01"])
      expect(isDayKey(wrong), wrong).toBe(false);
  });
});
