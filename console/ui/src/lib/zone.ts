/** Days of the workspace's time zone as moments: what "last 30 days" means there, whatever the browser's clock says. */

/**
 * The moment at which a day ("2026-01-31") begins in a time zone: its first moment there. Where the clocks jump over
 * midnight (Santiago, 6 September 2026: 23:59:59 is followed by 01:00) that is 01:00; where midnight comes twice it is
 * the first one.
 */
export function startOfDay(dayKey: string, timeZone: string): Date {
  const wall = Date.parse(`${dayKey}T00:00:00Z`);
  // The offsets of the day before and of the day after are all that midnight can have: zones change once in such a time.
  const before = offsetAt(wall - day, timeZone);
  const after = offsetAt(wall + day, timeZone);
  const early = wall - Math.max(before, after);
  const late = wall - Math.min(before, after);
  if (offsetAt(early, timeZone) === wall - early) return new Date(early);
  if (offsetAt(late, timeZone) === wall - late) return new Date(late);
  // No clock showed midnight: the day begins where the clocks jumped, which lies between the two.
  let [from, to] = [early, late];
  while (to - from > 1) {
    const middle = Math.floor((from + to) / 2);
    if (offsetAt(middle, timeZone) === before) from = middle;
    else to = middle;
  }
  return new Date(to);
}

const day = 86_400_000;

/** Milliseconds that a zone's clocks are ahead of UTC at a moment. */
export function offsetAt(at: number, timeZone: string): number {
  const parts = clock(timeZone).formatToParts(at);
  const n = (type: string) => Number(parts.find((p) => p.type === type)?.value);
  const wall = Date.UTC(n("year"), n("month") - 1, n("day"), n("hour"), n("minute"), n("second"));
  return wall - Math.floor(at / 1000) * 1000;
}

const clocks = new Map<string, Intl.DateTimeFormat>();
function clock(timeZone: string): Intl.DateTimeFormat {
  const known = clocks.get(timeZone);
  if (known) return known;
  const made = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  // A console shows one zone, and the settings' preview a few more.
  if (clocks.size > 16) clocks.clear();
  clocks.set(timeZone, made);
  return made;
}

/** The day ("2026-01-31") of a moment in a time zone. */
export function dayOf(at: number, timeZone: string): string {
  return new Date(at + offsetAt(at, timeZone)).toISOString().slice(0, 10);
}

/** "2026-01-31" plus days. */
export function addDays(dayKey: string, days: number): string {
  return new Date(Date.parse(`${dayKey}T00:00:00Z`) + days * day).toISOString().slice(0, 10);
}

/** A day that exists, in years for which there can be data: addresses are typed and damaged. */
export function isDayKey(s: string): boolean {
  if (!/^(19|20|21)\d{2}-\d{2}-\d{2}$/.test(s)) return false;
  const at = Date.parse(`${s}T00:00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(s);
}
