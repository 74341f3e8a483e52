/**
 * Numbers, times and sizes for people: by locale, and by the workspace's time zone rather than the browser's, so that
 * two colleagues in two cities read the same day. Plain functions over Intl; components get them from useFormat().
 */
import { justNow, unitNames } from "@/i18n/now";

export type Lang = "zh-CN" | "en";

export interface Format {
  lang: Lang;
  timeZone: string;
  /** 12,345; an integer beyond what a number holds comes as a bigint and keeps all its digits. */
  num(n: Figure, digits?: number): string;
  /** 12.3K, 1.2万: where space is short; pair it with the exact number on hover. */
  compact(n: Figure): string;
  /** ¥239,000 of an ISO currency; short ones as ¥23.9万, ¥239K. */
  money(n: number | null | undefined, currency: string, short?: boolean): string;
  /** 0.123 → 12.3 % */
  percent(ratio: number | null | undefined, digits?: number): string;
  /** 0.05 → +5 %, −0.05 → −5 % */
  change(ratio: number | null | undefined): string;
  /** 5K, 5,000: labels of an axis, where all must look alike. */
  axis(n: number): string;
  bytes(n: number | null | undefined): string;
  /** Seconds as "120 ms", "1.2 s", "3 min 20 s", "2 d 4 h". */
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
  /** A, B and C */
  list(items: readonly string[]): string;
  /** A, B or C */
  either(items: readonly string[]): string;
}

export type Figure = number | bigint | null | undefined;
export type TimeLike = string | number | Date | null | undefined;

const none = "–";

function toDate(t: TimeLike): Date | null {
  if (t === null || t === undefined || t === "") return null;
  const d = t instanceof Date ? t : new Date(t);
  return Number.isNaN(d.getTime()) ? null : d;
}

function known<N extends Figure>(n: N): n is NonNullable<N> {
  return typeof n === "bigint" || (typeof n === "number" && Number.isFinite(n));
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
    useGrouping: "always",
  });
  const fEither = new Intl.ListFormat(locale, { style: "short", type: "disjunction" });
  const fList = new Intl.ListFormat(locale, { style: "short", type: "conjunction" });
  const numbers = new Map<number, Intl.NumberFormat>();
  const num = (n: Figure, digits = 0) => {
    if (!known(n)) return none;
    const f = numbers.get(digits) ?? new Intl.NumberFormat(locale, { maximumFractionDigits: digits });
    numbers.set(digits, f);
    return f.format(n);
  };
  const unit = (n: number, name: keyof (typeof unitNames)["en"], digits = 0) =>
    `${num(n, digits)} ${unitNames[lang][name]}`;

  function duration(seconds: number | null | undefined): string {
    if (!known(seconds)) return none;
    const s = Math.abs(seconds);
    if (s < 0.9995) return unit(s * 1000, "ms");
    if (s < 59.95) return unit(s, "s", 1);
    const whole = Math.round(s);
    const [large, small, n, rest] =
      whole < 3600
        ? (["min", "s", Math.floor(whole / 60), whole % 60] as const)
        : whole < 86400
          ? (["h", "min", Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)] as const)
          : (["d", "h", Math.floor(whole / 86400), Math.floor((whole % 86400) / 3600)] as const);
    return rest > 0 ? `${unit(n, large)} ${unit(rest, small)}` : unit(n, large);
  }

  function at(t: TimeLike, f: Intl.DateTimeFormat): string {
    const d = toDate(t);
    return d ? f.format(d) : none;
  }

  return {
    lang,
    timeZone: zone,
    num,
    compact: (n) => (known(n) ? (Math.abs(Number(n)) < 10_000 ? num(n) : fCompact.format(n)) : none),
    money(n, currency, short = false) {
      if (!known(n)) return none;
      const compact = short && Math.abs(n) >= 10_000;
      return new Intl.NumberFormat(lang === "en" ? "en" : locale, {
        style: "currency",
        currency: /^[A-Z]{3}$/.test(currency) ? currency : "CNY",
        currencyDisplay: "narrowSymbol",
        ...(compact ? { notation: "compact" as const, useGrouping: "always" as const } : {}),
        minimumFractionDigits: 0,
        maximumFractionDigits: compact ? 1 : Number.isInteger(n) ? 0 : 2,
      }).format(n);
    },
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
      return `${num(v, v < 10 && u > 0 ? 1 : 0)} ${units[u]}`;
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
          return spaced(f.format(Math.trunc(seconds / size), u));
        }
      }
      return spaced(fRelative.format(Math.trunc(seconds), "second"));
    },
    dayKey: (t) => at(t, fKey),
    list: (items) => fList.format(items),
    either: (items) => fEither.format(items),
  };
}

/**
 * What Intl wrote, by the one rule for both languages: a space between a figure and its unit ("5 分钟前", "120 ms"). Not
 * in dates, whose parts are no units ("2026年2月1日"), nor before % and the magnitudes that belong to the figure itself
 * ("1.2万", "12K").
 */
const spaced = (s: string) => s.replace(/(\d)(?=[\u4e00-\u9fff])/g, "$1 ");

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
