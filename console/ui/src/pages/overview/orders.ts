import type { CatalogueEvent, CatalogueProperty, RetentionQuery, TrendQuery } from "@/api/types";
import { addDays, dayOf, startOfDay } from "@/lib/zone";
// Names under which sales and their money are commonly sent in both languages, the surest first.
import names from "./orderNames.json";

/** How many days the bars of a business figure show. */
export const barDays = 14;
/** Who was not seen for this many days before counts as new. */
export const newAfterDays = 365;

/** Names are compared without case, spaces and signs. */
const plain = (name: string) => name.toLowerCase().replace(/[\s_\-.$]+/g, "");

function firstOf<T>(known: readonly string[], items: readonly T[], name: (x: T) => string): T | undefined {
  for (const n of known) {
    const found = items.find((x) => plain(name(x)) === n);
    if (found) return found;
  }
  return undefined;
}

/** The event that most likely is a sale; "" when none has such a name. */
export const guessOrderEvent = (events: readonly Pick<CatalogueEvent, "event" | "type">[]): string =>
  firstOf(
    names.orders,
    events.filter((e) => e.type === "track"),
    (e) => e.event,
  )?.event ?? "";

/** Whether values of a property are numbers, mostly. */
export function isNumeric(p: Pick<CatalogueProperty, "types">): boolean {
  const all = Object.values(p.types).reduce((n, x) => n + x, 0);
  return (p.types.number ?? 0) > all / 2;
}

/** The property with the money of an order; "" when none has such a name. */
export const guessAmount = (properties: readonly Pick<CatalogueProperty, "property" | "types">[]): string =>
  firstOf(names.amounts, properties.filter(isNumeric), (p) => p.property)?.property ?? "";

function range(timeZone: string, days: number, now: number) {
  const today = dayOf(now, timeZone);
  return {
    from: startOfDay(addDays(today, 1 - days), timeZone).toISOString(),
    to: startOfDay(addDays(today, 1), timeZone).toISOString(),
    tz: timeZone,
  };
}

/** Orders by day: how many, and with a property how much. */
export function orderQuestion(
  timeZone: string,
  event: string,
  amount: string,
  now = Date.now(),
): TrendQuery & { from: string } {
  return {
    kind: "trend",
    ...range(timeZone, barDays, now),
    interval: "day",
    series: [
      { event, measure: "count" },
      ...(amount ? [{ event, measure: "sum" as const, property: amount }] : []),
    ],
  };
}

/**
 * New people by day. A retention puts everyone into the cohort of their first event in the range: the range reaches back
 * a year further than what is shown, so that whoever comes back within a year is not new again.
 */
export function newPeopleQuestion(timeZone: string, now = Date.now()): RetentionQuery & { from: string } {
  return {
    kind: "retention",
    ...range(timeZone, barDays + newAfterDays, now),
    first: { event: "*" },
    return: { event: "*" },
    interval: "day",
    periods: 1,
    mode: "n_day",
  };
}

export interface Day {
  /** The bucket or cohort as the server wrote it: what a selection names. */
  time: string;
  value: number;
}

interface Answer {
  columns: { name: string }[];
  rows: unknown[][];
}

/** The latest days of one column of an answer, oldest first; a day without a row is zero. */
export function latestDays(
  answer: Answer,
  timeZone: string,
  of: { time: string; value: string; where?: Record<string, number> },
  now = Date.now(),
): Day[] {
  const col = (name: string) => answer.columns.findIndex((c) => c.name === name);
  const [time, value] = [col(of.time), col(of.value)];
  const where = Object.entries(of.where ?? {}).map(([name, v]) => [col(name), v] as const);
  const found = new Map<number, Day>();
  for (const row of answer.rows) {
    if (where.some(([i, v]) => Number(row[i]) !== v)) continue;
    found.set(Date.parse(String(row[time])), { time: String(row[time]), value: Number(row[value] ?? 0) });
  }
  const today = dayOf(now, timeZone);
  return Array.from({ length: barDays }, (_, i) => {
    const at = startOfDay(addDays(today, i + 1 - barDays), timeZone);
    return found.get(at.getTime()) ?? { time: at.toISOString(), value: 0 };
  });
}
