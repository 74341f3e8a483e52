import type { TrendQuery } from "@/api/types";
import { addDays, dayOf, startOfDay } from "@/lib/zone";

export const trendDays = 30;

/** Events and active people by day. The range ends with today, so the question stays the same all day long. */
export function dailyQuestion(timeZone: string, now = Date.now()): TrendQuery {
  const today = dayOf(now, timeZone);
  return {
    kind: "trend",
    from: startOfDay(addDays(today, 1 - trendDays), timeZone).toISOString(),
    to: startOfDay(addDays(today, 1), timeZone).toISOString(),
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
  const first = dayOf(Date.parse(query.from ?? ""), timeZone);
  for (let i = 0; i < trendDays; i++) {
    const day = startOfDay(addDays(first, i), timeZone);
    out.push(found.get(day.getTime()) ?? { time: day.toISOString(), events: 0, persons: 0 });
  }
  return out;
}

/** How much yesterday, the last whole day, stands over a week before; nothing to compare with gives null. */
export function changeOverWeek(rows: readonly number[]): number | null {
  const yesterday = rows.at(-2);
  const before = rows.at(-9);
  return yesterday === undefined || !before ? null : yesterday / before - 1;
}
