import type { EChartsOption } from "echarts";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { Chart } from "@/components/Chart";
import { Num } from "@/components/Num";
import { startOfDay } from "@/lib/zone";
import type { CycleReport } from "./queries";

/** How many were in each stage at the end of each day. */
export function Course({ report }: { report: CycleReport }) {
  const { t } = useTranslation();
  const format = useFormat();
  const option = useMemo<EChartsOption>(
    () => ({
      grid: { left: 64, right: 16, top: 56, bottom: 32, containLabel: false },
      legend: { top: 0, left: 0, type: "scroll" },
      tooltip: { trigger: "axis" },
      xAxis: {
        type: "category",
        boundaryGap: false,
        data: report.days.map((d) => format.day(startOfDay(d.date, format.timeZone))),
      },
      yAxis: { type: "value", minInterval: 1, axisLabel: { formatter: (v: number) => format.axis(v) } },
      series: report.stages.map((s, i) => ({
        type: "line",
        stack: "all",
        name: s.name,
        data: report.days.map((d) => d.persons[i] ?? 0),
        showSymbol: report.days.length < 3,
        areaStyle: { opacity: 0.35 },
        tooltip: { valueFormatter: (v) => format.num(Number(v)) },
      })),
    }),
    [report, format],
  );
  return (
    <section className="card card-pad">
      <Chart
        label={t("stages.tabs.course")}
        option={option}
        height={360}
        empty={report.days.length === 0}
        table={
          <table className="stage-funnel">
            <thead>
              <tr>
                <th scope="col">{t("stages.day")}</th>
                {report.stages.map((s) => (
                  <th key={s.key} scope="col" className="n">
                    {s.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {report.days.map((d) => (
                <tr key={d.date}>
                  <th scope="row">{format.day(startOfDay(d.date, format.timeZone))}</th>
                  {report.stages.map((s, i) => (
                    <td key={s.key} className="n">
                      <Num value={d.persons[i] ?? 0} />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        }
      />
    </section>
  );
}
