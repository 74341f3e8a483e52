import { expect, it } from "vitest";
import { changeOverWeek, dailyQuestion, dailyRows } from "./questions";

const now = Date.parse("2026-01-31T16:30:00Z"); // 1 February in Shanghai

it("asks for thirty days that end with today", () => {
  const q = dailyQuestion("Asia/Shanghai", now);
  expect(q.from).toBe("2026-01-02T16:00:00.000Z");
  expect(q.to).toBe("2026-02-01T16:00:00.000Z");
});

it("fills days without events with zero", () => {
  const q = dailyQuestion("Asia/Shanghai", now);
  const rows = dailyRows(
    q,
    {
      columns: [{ name: "time" }, { name: "series" }, { name: "value" }],
      rows: [
        ["2026-01-31T16:00:00Z", 0, 7],
        ["2026-01-31T16:00:00Z", 1, 3],
        ["2026-01-02T16:00:00.000Z", 0, 5],
      ],
    },
    "Asia/Shanghai",
  );
  expect(rows).toHaveLength(30);
  expect(rows[0]).toMatchObject({ events: 5, persons: 0 });
  expect(rows[1]).toMatchObject({ time: "2026-01-03T16:00:00.000Z", events: 0 });
  expect(rows[29]).toMatchObject({ events: 7, persons: 3 });
});

it("has one row for every day across a change of clocks", () => {
  const q = dailyQuestion("Europe/Berlin", Date.parse("2026-04-10T10:00:00Z"));
  const rows = dailyRows(q, { columns: [], rows: [] }, "Europe/Berlin");
  expect(new Set(rows.map((r) => r.time)).size).toBe(30);
  expect(rows.at(-1)?.time).toBe("2026-04-09T22:00:00.000Z");
});

it("compares whole days of the same weekday", () => {
  expect(changeOverWeek([10, 1, 1, 1, 1, 1, 1, 15, 3])).toBeCloseTo(0.5);
  expect(changeOverWeek([0, 1, 1, 1, 1, 1, 1, 15, 3])).toBeNull();
  expect(changeOverWeek([])).toBeNull();
});
