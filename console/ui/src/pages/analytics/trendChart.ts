import type { EChartsOption } from "echarts";
import type { Interval, Measure } from "@/api/types";
import type { Format } from "@/lib/format";
import { addDays, dayOf, startOfDay } from "@/lib/zone";

/** The name of an interval: what stands on the axis, in the table and over the people behind it. */
export function bucketLabel(time: string, interval: Interval, format: Format): string {
  if (interval === "hour") {
    return new Intl.DateTimeFormat(format.lang === "en" ? "en-GB" : format.lang, {
      timeZone: format.timeZone,
      month: "short",
      day: "numeric",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    }).format(new Date(time));
  }
  if (interval === "month") {
    return new Intl.DateTimeFormat(format.lang === "en" ? "en-GB" : format.lang, {
      timeZone: format.timeZone,
      month: "short",
      year: "numeric",
    }).format(new Date(time));
  }
  return format.day(time);
}

/** A shorter one where many stand side by side. */
export function bucketShort(time: string, interval: Interval, format: Format): string {
  const locale = format.lang === "en" ? "en-GB" : format.lang;
  const zone = { timeZone: format.timeZone };
  if (interval === "hour")
    return new Intl.DateTimeFormat(locale, {
      ...zone,
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    }).format(new Date(time));
  if (interval === "month") return bucketLabel(time, interval, format);
  return new Intl.DateTimeFormat(locale, { ...zone, month: "numeric", day: "numeric" }).format(
    new Date(time),
  );
}

/** When an interval ends: it is still running while that lies ahead. Days are those of the zone, of 23 to 25 hours. */
export function bucketEnd(time: string, interval: Interval, to: string, zone: string): number {
  const end = Date.parse(to);
  if (interval === "total") return end;
  const start = Date.parse(time);
  if (interval === "hour") return Math.min(end, start + 3_600_000);
  const first = dayOf(start, zone);
  const next =
    interval === "month"
      ? `${addDays(`${first.slice(0, 7)}-01`, 31).slice(0, 7)}-01`
      : addDays(first, interval === "day" ? 1 : 7);
  return Math.min(end, startOfDay(next, zone).getTime());
}

/** The place of the interval that has begun and not ended at a moment, -1 where there is none. */
export function runningAt(
  times: readonly string[],
  interval: Interval,
  to: string,
  now: number,
  zone: string,
): number {
  const at = times.findLastIndex((time) => Date.parse(time) <= now);
  if (at < 0) return -1;
  const next = times[at + 1];
  return (next ? Date.parse(next) : bucketEnd(times[at] as string, interval, to, zone)) > now ? at : -1;
}

/** Only counts and sums add up over time; the same person may come back on another day. */
export function lineTotal(values: readonly Value[], measure: Measure | undefined): Value {
  if (measure !== undefined && measure !== "count" && measure !== "sum") return null;
  const known = values.filter((v) => v !== null);
  // Whole numbers beyond 2^53 are added with all their digits.
  if (
    known.some((v) => typeof v === "bigint") &&
    known.every((v) => typeof v === "bigint" || Number.isInteger(v))
  )
    return known.reduce<bigint>((sum, v) => sum + BigInt(v), 0n);
  return known.reduce<number>((sum, v) => sum + Number(v), 0);
}

/** A figure of an answer; whole numbers that a number cannot hold are bigints (lib/json). */
type Value = number | bigint | null;
/** Where it is drawn. */
const height = (v: Value): number | null => (v === null ? null : Number(v));

const escapeHtml = (s: string) => s.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

interface Drawn {
  name: string;
  values: Value[];
  color: string;
  /** Measured on the axis on the right. */
  right?: boolean;
}

/**
 * Lines or bars over time. The running interval is dashed or pale, because it is not complete. Lines come first and
 * their dashed ends after them, so that a series' index modulo the number of lines names the line.
 */
export function trendOption(p: {
  times: readonly string[];
  lines: readonly Drawn[];
  chart: "line" | "bar";
  stacked: boolean;
  interval: Interval;
  /** The place of the running interval, -1 without one. What lies beyond has no values yet. */
  running: number;
  runningWord: string;
  format: Format;
}): EChartsOption {
  const { times, lines, format } = p;
  const dashed = p.chart === "line" && p.running > 0;
  const few = times.length <= 31;
  const main = lines.map((l) =>
    p.chart === "line"
      ? {
          type: "line" as const,
          name: l.name,
          color: l.color,
          yAxisIndex: l.right ? 1 : 0,
          data: l.values.map((v, i) => (dashed && i === p.running ? null : height(v))),
          showSymbol: few && lines.length <= 4,
          symbolSize: 6,
          lineStyle: { width: 2 },
          ...(lines.length === 1 ? { areaStyle: { color: l.color, opacity: 0.08 } } : {}),
          emphasis: { scale: 1.6 },
          triggerLineEvent: true,
          cursor: "pointer",
        }
      : {
          type: "bar" as const,
          name: l.name,
          color: l.color,
          yAxisIndex: l.right ? 1 : 0,
          ...(p.stacked ? { stack: "all", itemStyle: { borderRadius: 0 } } : {}),
          data: l.values.map((v, i) =>
            i === p.running ? { value: height(v), itemStyle: { opacity: 0.45 } } : height(v),
          ),
          cursor: "pointer",
        },
  );
  const ends = dashed
    ? lines.map((l) => ({
        type: "line" as const,
        name: l.name,
        color: l.color,
        yAxisIndex: l.right ? 1 : 0,
        data: l.values.map((v, i) => (i === p.running || i === p.running - 1 ? height(v) : null)),
        lineStyle: { width: 2, type: "dashed" as const },
        showSymbol: false,
        symbolSize: 6,
        cursor: "pointer",
      }))
    : [];
  return {
    grid: { left: 8, right: 20, top: 16, bottom: 8, containLabel: true },
    xAxis: {
      type: "category",
      data: times.map((t) => bucketShort(t, p.interval, format)),
      boundaryGap: p.chart === "bar",
      axisLabel: { hideOverlap: true },
    },
    yAxis: [false, true]
      .filter((right) => !right || lines.some((l) => l.right))
      .map((right) => ({
        type: "value" as const,
        position: right ? ("right" as const) : ("left" as const),
        axisLabel: { formatter: (v: number) => format.axis(v) },
        ...(right ? { splitLine: { show: false } } : {}),
      })),
    tooltip: {
      trigger: "axis",
      axisPointer: { type: p.chart === "bar" ? "shadow" : "line" },
      formatter: (params) => {
        const at = (Array.isArray(params) ? params[0] : params)?.dataIndex ?? 0;
        const rows = lines
          .map((l) => ({ l, v: l.values[at] }))
          .sort((a, b) => Number(b.v ?? 0) - Number(a.v ?? 0))
          .map(
            ({ l, v }) =>
              `<div style="display:flex;gap:16px;align-items:baseline"><span style="flex:1;max-width:260px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap"><i style="display:inline-block;width:8px;height:8px;border-radius:2px;margin-right:6px;background:${l.color}"></i>${escapeHtml(l.name)}</span><b style="font-weight:600">${format.num(v, 2)}</b></div>`,
          );
        const head = bucketLabel(times[at] ?? "", p.interval, format);
        const note = at === p.running ? ` · ${escapeHtml(p.runningWord)}` : "";
        return `<div style="margin-bottom:4px;opacity:.75">${escapeHtml(head)}${note}</div>${rows.join("")}`;
      },
    },
    series: [...main, ...ends],
  };
}
