import type { TrendQuery } from "@/api/types";
import { startOfDay } from "@/lib/days";

export const trendDays = 30;

/** Events and active people by day. The range ends with today, so the question stays the same all day long. */
export function dailyQuestion(timeZone: string, now = Date.now()): TrendQuery {
  return {
    kind: "trend",
    from: new Date(startOfDay(now, timeZone, trendDays - 1)).toISOString(),
    to: new Date(startOfDay(now, timeZone, -1)).toISOString(),
    tz: timeZone,
    interval: "day",
    series: [
      { event: "*", measure: "count" },
      { event: "*", measure: "persons" },
    ],
  };
}

export interface DayRow {
  time: string;
  events: number;
  persons: number;
}

/** The answer as one row a day; days without a row are zero. */
export function dailyRows(
  query: TrendQuery,
  result: { columns: { name: string }[]; rows: unknown[][] },
  timeZone: string,
): DayRow[] {
  const col = (name: string) => result.columns.findIndex((c) => c.name === name);
  const [time, series, value] = [col("time"), col("series"), col("value")];
  const found = new Map<number, DayRow>();
  for (const row of result.rows) {
    const at = Date.parse(String(row[time]));
    const day = found.get(at) ?? { time: String(row[time]), events: 0, persons: 0 };
    if (row[series] === 0) day.events = Number(row[value] ?? 0);
    else day.persons = Number(row[value] ?? 0);
    found.set(at, day);
  }
  const out: DayRow[] = [];
  const from = Date.parse(query.from ?? "");
  for (let i = 0; i < trendDays; i++) {
    // Half a day further is surely inside the next day, whatever the clocks do.
    const at = startOfDay(from + i * 86_400_000 + 43_200_000, timeZone);
    out.push(found.get(at) ?? { time: new Date(at).toISOString(), events: 0, persons: 0 });
  }
  return out;
}

/** How much yesterday, the last whole day, stands over a week before; nothing to compare with gives null. */
export function changeOverWeek(rows: readonly number[]): number | null {
  const yesterday = rows.at(-2);
  const before = rows.at(-9);
  return yesterday === undefined || !before ? null : yesterday / before - 1;
}
