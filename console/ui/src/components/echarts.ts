/** The parts of ECharts that the console uses, as one chunk that is loaded with the first chart. */
import { BarChart, CustomChart, HeatmapChart, LineChart } from "echarts/charts";
import {
  AriaComponent,
  DatasetComponent,
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  TooltipComponent,
  VisualMapComponent,
} from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { chartPalette, fontSans, type Mode, palettes, radius } from "@/app/theme";

echarts.use([
  BarChart,
  CustomChart,
  HeatmapChart,
  LineChart,
  AriaComponent,
  DatasetComponent,
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  TooltipComponent,
  VisualMapComponent,
  CanvasRenderer,
]);

/** The ground under the pointer: see-through, so that what it stands over can be seen wherever it is drawn. */
export const pointerShade = (mode: Mode): string => `${palettes[mode].text3}24`;

function themeFor(mode: Mode): object {
  const p = palettes[mode];
  const axis = {
    axisLine: { lineStyle: { color: p.line } },
    axisTick: { show: false },
    axisLabel: { color: p.text3, fontSize: 12, margin: 10 },
    splitLine: { lineStyle: { color: p.line } },
    nameTextStyle: { color: p.text3 },
  };
  return {
    color: chartPalette[mode],
    backgroundColor: "transparent",
    textStyle: { fontFamily: fontSans, color: p.text2 },
    animationDuration: 150,
    animationDurationUpdate: 150,
    grid: { left: 8, right: 16, top: 16, bottom: 8, containLabel: true },
    categoryAxis: { ...axis, splitLine: { show: false } },
    timeAxis: { ...axis, splitLine: { show: false } },
    valueAxis: { ...axis, axisLine: { show: false } },
    line: { symbol: "circle", symbolSize: 6, showSymbol: false, lineStyle: { width: 2 }, smooth: false },
    bar: { itemStyle: { borderRadius: [2, 2, 0, 0] }, barMaxWidth: 40 },
    legend: {
      textStyle: { color: p.text2, fontSize: 12 },
      icon: "roundRect",
      itemWidth: 10,
      itemHeight: 10,
      itemGap: 16,
      inactiveColor: p.lineStrong,
    },
    tooltip: {
      backgroundColor: p.raised,
      borderColor: p.line,
      borderWidth: 1,
      padding: [8, 12],
      textStyle: { color: p.text, fontSize: 12, fontFamily: fontSans },
      extraCssText: `box-shadow: ${p.shadow}; border-radius: ${radius}px; font-variant-numeric: tabular-nums;`,
      axisPointer: { lineStyle: { color: p.lineStrong }, shadowStyle: { color: pointerShade(mode) } },
      confine: true,
    },
    // Behind the marks: a pointer in front of bars would hide them.
    axisPointer: { z: 1 },
    visualMap: { textStyle: { color: p.text3 } },
  };
}

for (const mode of ["light", "dark"] as const) echarts.registerTheme(`touchstone-${mode}`, themeFor(mode));

export type { EChartsOption } from "echarts";
export { echarts };
