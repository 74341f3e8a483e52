import type { EChartsOption } from "echarts";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useFormat, useMode } from "@/app/appearance";
import { palettes } from "@/app/theme";

export interface SizePoint {
  label: string;
  members: number;
  entered: number;
  left: number;
}

/** A segment's size as a line, and below it how many came and went. */
export function useSizeOption(points: readonly SizePoint[] | undefined, small = false): EChartsOption | null {
  const { t } = useTranslation();
  const format = useFormat();
  const mode = useMode();
  return useMemo<EChartsOption | null>(() => {
    if (!points) return null;
    const p = palettes[mode];
    const labels = points.map((x) => x.label);
    const [height, below] = small ? [110, 52] : [200, 84];
    return {
      grid: [
        { left: 64, right: 16, top: 36, height, containLabel: false },
        { left: 64, right: 16, top: height + 60, height: below, containLabel: false },
      ],
      tooltip: { trigger: "axis" },
      axisPointer: { link: [{ xAxisIndex: "all" }] },
      legend: { top: 0, left: 0 },
      xAxis: [
        { type: "category", data: labels, boundaryGap: true, axisLabel: { show: false } },
        { type: "category", data: labels, gridIndex: 1, boundaryGap: true },
      ],
      yAxis: [
        {
          type: "value",
          minInterval: 1,
          splitNumber: small ? 3 : 5,
          axisLabel: { formatter: (v: number) => format.axis(v) },
        },
        {
          type: "value",
          gridIndex: 1,
          minInterval: 1,
          splitNumber: 2,
          axisLabel: { formatter: (v: number) => format.axis(Math.abs(v)) },
        },
      ],
      series: [
        {
          type: "line",
          name: t("segments.members"),
          data: points.map((d) => d.members),
          color: p.goldLine,
          showSymbol: points.length < 3,
          areaStyle: { color: p.goldLine, opacity: 0.12 },
          tooltip: { valueFormatter: (v) => format.num(Number(v)) },
        },
        {
          type: "bar",
          name: t("segments.change.entered"),
          xAxisIndex: 1,
          yAxisIndex: 1,
          stack: "change",
          color: p.goldLine,
          data: points.map((d) => d.entered),
          tooltip: { valueFormatter: (v) => `+${format.num(Number(v))}` },
        },
        {
          type: "bar",
          name: t("segments.change.left"),
          xAxisIndex: 1,
          yAxisIndex: 1,
          stack: "change",
          color: p.text3,
          data: points.map((d) => -d.left),
          itemStyle: { borderRadius: [0, 0, 2, 2] },
          tooltip: { valueFormatter: (v) => `−${format.num(Math.abs(Number(v)))}` },
        },
      ],
    };
  }, [points, mode, format, t, small]);
}
