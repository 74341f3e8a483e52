import { useQuery } from "@tanstack/react-query";
import { Tooltip } from "antd";
import type { EChartsOption } from "echarts";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { analyticsQuery } from "@/api/queries";
import { useFormat, useMode } from "@/app/appearance";
import { palettes } from "@/app/theme";
import { Chart } from "@/components/Chart";
import { type Column, DataTable } from "@/components/DataTable";
import { usePeopleBehind } from "@/lib/behind";
import { changeOverWeek, type DayRow, dailyQuestion, dailyRows } from "./questions";

/** Events and active people of the last thirty days, one axis of days for both. */
export function Trends() {
  const format = useFormat();
  const question = useMemo(() => dailyQuestion(format.timeZone), [format.timeZone]);
  const query = useQuery({ ...analyticsQuery(question), refetchInterval: 30_000 });
  const rows = useMemo(
    () => query.data && dailyRows(question, query.data, format.timeZone),
    [query.data, question, format.timeZone],
  );
  const shared = {
    rows,
    loading: query.isPending,
    error: query.error,
    onRetry: () => void query.refetch(),
    question,
  };
  return (
    <div className="trends">
      <DayChart {...shared} field="events" series={0} />
      <DayChart {...shared} field="persons" series={1} />
    </div>
  );
}

function DayChart(props: {
  rows: DayRow[] | undefined;
  loading: boolean;
  error: unknown;
  onRetry: () => void;
  question: ReturnType<typeof dailyQuestion>;
  field: "events" | "persons";
  series: number;
}) {
  const { rows, field, series, question } = props;
  const { t } = useTranslation();
  const format = useFormat();
  const mode = useMode();
  const behind = usePeopleBehind();
  const title = t(field === "events" ? "overview.events" : "overview.active");
  const today = rows?.at(-1);
  const yesterday = rows?.at(-2);
  const change = rows ? changeOverWeek(rows.map((r) => r[field])) : null;

  const open = (r: DayRow) =>
    behind({
      title: t("overview.behindEvents", { day: format.date(r.time) }),
      query: question,
      select: { bucket: r.time, series },
    });

  const option = useMemo<EChartsOption | null>(() => {
    if (!rows) return null;
    const p = palettes[mode];
    const last = rows.length - 1;
    const values = rows.map((r) => r[field]);
    return {
      grid: { left: 0, right: 8, top: 12, bottom: 0, containLabel: true },
      tooltip: {
        trigger: "axis",
        axisPointer: { type: field === "events" ? "shadow" : "line" },
        formatter: (params) => {
          const i = (Array.isArray(params) ? params[0] : params)?.dataIndex ?? 0;
          const r = rows[i];
          return r ? `${format.day(r.time)}<br/><b>${format.num(r[field])}</b>` : "";
        },
      },
      xAxis: {
        type: "category",
        data: rows.map((r) => format.day(r.time)),
        boundaryGap: field === "events",
        axisLabel: {
          interval: (i: number) => (last - i) % 7 === 0,
          formatter: (_: string, i: number) => shortDay(rows[i]?.time, format.lang, format.timeZone),
        },
      },
      yAxis: {
        type: "value",
        splitNumber: 3,
        axisLabel: { formatter: (v: number) => format.axis(v) },
        minInterval: 1,
      },
      series: [
        field === "events"
          ? {
              type: "bar",
              data: values.map((value, i) => ({
                value,
                // Today is not over: its bar is paler.
                itemStyle: { color: p.goldLine, opacity: i === last ? 0.45 : 1 },
              })),
              barCategoryGap: "28%",
              cursor: "pointer",
            }
          : {
              type: "line",
              data: values,
              lineStyle: { color: p.goldLine, width: 2 },
              itemStyle: { color: p.goldLine },
              areaStyle: { color: p.goldLine, opacity: 0.12 },
              showSymbol: true,
              symbolSize: 5,
              cursor: "pointer",
              triggerLineEvent: false,
            },
      ],
    };
  }, [rows, field, format, mode]);

  const columns: Column<DayRow>[] = [
    {
      key: "day",
      title: t("overview.day"),
      value: (r) => format.dayKey(r.time),
      render: (r) => format.day(r.time),
    },
    {
      key: "value",
      title: t(field === "events" ? "overview.count" : "overview.persons"),
      align: "right",
      value: (r) => r[field],
      render: (r) => (
        <button type="button" className="door" onClick={() => open(r)}>
          {format.num(r[field])}
        </button>
      ),
    },
  ];

  return (
    <section className="card trend">
      <header>
        <h2>
          <Tooltip title={field === "persons" ? t("overview.activeHelp") : null}>
            <span>{title}</span>
          </Tooltip>{" "}
          <small>{t("overview.lastDays")}</small>
        </h2>
        <p className="trend-today">
          {today ? (
            <button type="button" className="door" onClick={() => open(today)}>
              {format.num(today[field])}
            </button>
          ) : (
            <span
              className={props.loading ? "bone" : "muted"}
              style={props.loading ? { width: 72, height: 20 } : {}}
            >
              {props.loading ? "" : "–"}
            </span>
          )}
          <small>
            {t("overview.today")}
            {yesterday && " · "}
            {yesterday &&
              (change === null
                ? t("overview.yesterday", { n: format.num(yesterday[field]) })
                : t("overview.yesterdayChange", {
                    n: format.num(yesterday[field]),
                    change: format.change(change),
                  }))}
          </small>
        </p>
      </header>
      <Chart
        label={title}
        option={option}
        height={188}
        loading={props.loading}
        error={props.error}
        onRetry={props.onRetry}
        empty={rows?.every((r) => r[field] === 0) ?? false}
        onColumn={(i) => {
          const r = rows?.[i];
          if (r) open(r);
        }}
        table={
          <div className="trend-table">
            <DataTable
              plain
              id={`overview-${field}`}
              label={title}
              columns={columns}
              rows={rows}
              rowKey={(r) => r.time}
              defaultSort="-day"
            />
          </div>
        }
      />
    </section>
  );
}

function shortDay(time: string | undefined, lang: string, timeZone: string): string {
  if (!time) return "";
  return new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, {
    timeZone,
    day: "numeric",
    month: "short",
  }).format(new Date(time));
}
