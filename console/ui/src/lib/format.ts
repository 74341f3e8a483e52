/**
 * Numbers, times and sizes for people: by locale, and by the workspace's time zone rather than the browser's, so that
 * two colleagues in two cities read the same day. Plain functions over Intl; components get them from useFormat().
 */
import { justNow } from "@/i18n/now";

export type Lang = "zh-CN" | "en";

export interface Format {
  lang: Lang;
  timeZone: string;
  /** 12,345 */
  num(n: number | null | undefined, digits?: number): string;
  /** 12.3K, 1.2万: where space is short; pair it with the exact number on hover. */
  compact(n: number | null | undefined): string;
  /** 0.123 → 12.3 % */
  percent(ratio: number | null | undefined, digits?: number): string;
  /** 0.05 → +5 %, −0.05 → −5 % */
  change(ratio: number | null | undefined): string;
  /** 5K, 5000: labels of an axis, where all must look alike. */
  axis(n: number): string;
  bytes(n: number | null | undefined): string;
  /** Seconds as "120ms", "1.2s", "3m 20s", "2d 4h". */
  duration(seconds: number | null | undefined): string;
  /** 31 Jan 2026 */
  date(t: TimeLike): string;
  /** Sat, 31 Jan: heads of day groups and axes; with the year when it is not this one. */
  day(t: TimeLike, now?: number): string;
  /** 14:03:09 */
  time(t: TimeLike): string;
  /** 31 Jan 2026, 14:03:09 */
  dateTime(t: TimeLike): string;
  /** 5 minutes ago */
  relative(t: TimeLike, now?: number): string;
  /** "2026-01-31" of a moment in the workspace's zone: a key for grouping by day. */
  dayKey(t: TimeLike): string;
  list(items: readonly string[]): string;
}

export type TimeLike = string | number | Date | null | undefined;

const none = "–";

function toDate(t: TimeLike): Date | null {
  if (t === null || t === undefined || t === "") return null;
  const d = t instanceof Date ? t : new Date(t);
  return Number.isNaN(d.getTime()) ? null : d;
}

function known(n: number | null | undefined): n is number {
  return typeof n === "number" && Number.isFinite(n);
}

const relativeSteps: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365 * 86400],
  ["month", 30 * 86400],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

export function createFormat(lang: Lang, timeZone: string): Format {
  const zone = validZone(timeZone);
  const locale = lang === "en" ? "en-GB" : lang;
  const dtf = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: "h23", ...options });
  const fDate = dtf({ year: "numeric", month: "short", day: "numeric" });
  const fDay = dtf({ weekday: "short", month: "short", day: "numeric" });
  const fDayYear = dtf({ weekday: "short", year: "numeric", month: "short", day: "numeric" });
  const fTime = dtf({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const fDateTime = dtf({
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  const fKey = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  });
  const fRelative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  // "Last month" may be two days ago or sixty; "1 month ago" is not.
  const fRelativeLong = new Intl.RelativeTimeFormat(locale, { numeric: "always" });
  const fCompact = new Intl.NumberFormat(lang === "en" ? "en" : locale, {
    notation: "compact",
    maximumFractionDigits: 1,
  });
  const fList = new Intl.ListFormat(locale, { style: "short", type: "conjunction" });
  const units = (unit: string, digits = 0) =>
    new Intl.NumberFormat(locale, {
      style: "unit",
      unit,
      unitDisplay: lang === "en" ? "narrow" : "short",
      maximumFractionDigits: digits,
    });
  const fMs = units("millisecond");
  const fSecond = units("second");
  const fSecondPart = units("second", 1);
  const fMinute = units("minute");
  const fHour = units("hour");
  const fDays = units("day");
  const num = (n: number | null | undefined, digits = 0) =>
    known(n) ? new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(n) : none;
  const gap = " ";

  function duration(seconds: number | null | undefined): string {
    if (!known(seconds)) return none;
    const s = Math.abs(seconds);
    if (s < 0.9995) return fMs.format(s * 1000);
    if (s < 59.95) return fSecondPart.format(s);
    const whole = Math.round(s);
    const [large, small, n, rest] =
      whole < 3600
        ? [fMinute, fSecond, Math.floor(whole / 60), whole % 60]
        : whole < 86400
          ? [fHour, fMinute, Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)]
          : [fDays, fHour, Math.floor(whole / 86400), Math.floor((whole % 86400) / 3600)];
    return [large.format(n), ...(rest > 0 ? [small.format(rest)] : [])].join(lang === "en" ? " " : "");
  }

  function at(t: TimeLike, f: Intl.DateTimeFormat): string {
    const d = toDate(t);
    return d ? f.format(d) : none;
  }

  return {
    lang,
    timeZone: zone,
    num,
    compact: (n) => (known(n) ? (Math.abs(n) < 10_000 ? num(n) : fCompact.format(n)) : none),
    percent: (r, digits = 1) =>
      known(r)
        ? new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: digits }).format(r)
        : none,
    change: (r) =>
      known(r)
        ? new Intl.NumberFormat(locale, {
            style: "percent",
            maximumFractionDigits: 0,
            signDisplay: "exceptZero",
          })
            .format(r)
            .replace("-", "\u2212")
        : none,
    axis: (n) => fCompact.format(n),
    bytes(n) {
      if (!known(n)) return none;
      const units = ["B", "KB", "MB", "GB", "TB", "PB"];
      let v = n;
      let u = 0;
      while (v >= 1000 && u < units.length - 1) {
        v /= 1000;
        u++;
      }
      return `${num(v, v < 10 && u > 0 ? 1 : 0)}${gap}${units[u]}`;
    },
    duration,
    date: (t) => at(t, fDate),
    day(t, now = Date.now()) {
      const d = toDate(t);
      if (!d) return none;
      return fKey.format(d).slice(0, 4) === fKey.format(now).slice(0, 4)
        ? fDay.format(d)
        : fDayYear.format(d);
    },
    time: (t) => at(t, fTime),
    dateTime: (t) => at(t, fDateTime),
    relative(t, now = Date.now()) {
      const d = toDate(t);
      if (!d) return none;
      const seconds = (d.getTime() - now) / 1000;
      // Clocks differ by a little: nothing that has happened is shown as "in 2 seconds".
      if (Math.abs(seconds) < 5) return justNow[lang];
      for (const [u, size] of relativeSteps) {
        if (Math.abs(seconds) >= size) {
          const f = u === "year" || u === "month" ? fRelativeLong : fRelative;
          return f.format(Math.trunc(seconds / size), u);
        }
      }
      return fRelative.format(Math.trunc(seconds), "second");
    },
    dayKey: (t) => at(t, fKey),
    list: (items) => fList.format(items),
  };
}

function validZone(zone: string): string {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return zone;
  } catch {
    return "UTC";
  }
}

/** "GMT+8" of a zone now, to stand beside its name. */
export function zoneOffset(timeZone: string, at: number = Date.now()): string {
  const parts = new Intl.DateTimeFormat("en", {
    timeZone: validZone(timeZone),
    timeZoneName: "shortOffset",
  }).formatToParts(at);
  return parts.find((p) => p.type === "timeZoneName")?.value ?? "";
}
