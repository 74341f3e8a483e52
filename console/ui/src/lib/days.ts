/** Days of a time zone as moments, for asking about "the last 30 days" as the workspace counts them. */
const dayMs = 86_400_000;

/** How far the zone's clocks are ahead of UTC at a moment, in milliseconds. */
export function zoneOffsetMs(at: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(at);
  const n = (type: string) => Number(parts.find((p) => p.type === type)?.value);
  const local = Date.UTC(n("year"), n("month") - 1, n("day"), n("hour"), n("minute"), n("second"));
  return local - Math.floor(at / 1000) * 1000;
}

/** The first moment of a calendar day, "2026-03-29", in the zone. */
export function startOfDayKey(key: string, timeZone: string): number {
  const utc = Date.parse(`${key}T00:00:00Z`);
  // The offset is asked for at the local midnight itself, twice: the first guess may lie across a change of clocks.
  const guess = utc - zoneOffsetMs(utc, timeZone);
  return utc - zoneOffsetMs(guess, timeZone);
}

/** The first moment of the day that is `back` days before the day of `at`. */
export function startOfDay(at: number, timeZone: string, back = 0): number {
  const local = at + zoneOffsetMs(at, timeZone) - back * dayMs;
  return startOfDayKey(new Date(local).toISOString().slice(0, 10), timeZone);
}
