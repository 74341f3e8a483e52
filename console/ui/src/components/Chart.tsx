import { Button, Tooltip } from "antd";
import type { EChartsOption } from "echarts";
import type { EChartsType } from "echarts/core";
import { ChartLine, Table2 } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useMode } from "@/app/appearance";
import { EmptyState, ErrorState } from "./states";
import "./chart.css";

/** What a click on a mark names: enough to find the cell of the answer. */
export interface ChartPoint {
  seriesIndex: number;
  dataIndex: number;
  name: string;
  value: unknown;
}

export interface ChartProps {
  /** For screen readers: what the chart shows. */
  label: string;
  option: EChartsOption | null;
  height?: number;
  /** The same as a table: every chart can be read without seeing it. */
  table?: ReactNode;
  loading?: boolean;
  error?: unknown;
  onRetry?: () => void;
  empty?: boolean;
  emptyHint?: ReactNode;
  /** A click on a mark. */
  onPoint?: (p: ChartPoint) => void;
  /** A click anywhere above a category of the x axis: a thin line is hard to hit. */
  onColumn?: (index: number) => void;
  /** Controlled view, for pages that keep it in their address. */
  view?: "chart" | "table";
  onView?: (view: "chart" | "table") => void;
}

/**
 * A chart with its four states and its table. ECharts is loaded with the first chart that is drawn; until then, and
 * while data is on its way, a skeleton of the same height stands there, so nothing jumps.
 */
export function Chart(props: ChartProps) {
  const { t } = useTranslation();
  const height = props.height ?? 280;
  const [ownView, setOwnView] = useState<"chart" | "table">("chart");
  const view = props.view ?? ownView;
  const setView = props.onView ?? setOwnView;
  const toggle = t(view === "chart" ? "chart.asTable" : "chart.asChart");

  // A message or a table may need more room than the drawing.
  const grows = view === "table" || props.empty || Boolean(props.error && !props.option);

  let body: ReactNode;
  if (props.error && !props.option) body = <ErrorState error={props.error} onRetry={props.onRetry} />;
  else if (props.loading && !props.option) body = <ChartSkeleton />;
  else if (props.empty) body = <EmptyState title={t("chart.empty")} hint={props.emptyHint} />;
  else if (view === "table" && props.table) body = <div className="chart-table">{props.table}</div>;
  else
    body = props.option && (
      <Canvas label={props.label} option={props.option} onPoint={props.onPoint} onColumn={props.onColumn} />
    );

  return (
    <div className="chart" style={grows ? { minHeight: height } : { height }} aria-busy={props.loading}>
      {props.table && props.option && !props.empty && (
        <Tooltip title={toggle}>
          <Button
            className="chart-toggle"
            type="text"
            size="small"
            aria-label={toggle}
            icon={view === "chart" ? <Table2 size={15} /> : <ChartLine size={15} />}
            onClick={() => setView(view === "chart" ? "table" : "chart")}
          />
        </Tooltip>
      )}
      {body}
    </div>
  );
}

function Canvas({
  label,
  option,
  onPoint,
  onColumn,
}: {
  label: string;
  option: EChartsOption;
  onPoint?: ((p: ChartPoint) => void) | undefined;
  onColumn?: ((index: number) => void) | undefined;
}) {
  const mode = useMode();
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const [ready, setReady] = useState(false);
  const latest = useRef({ option, onPoint, onColumn });
  useEffect(() => {
    latest.current = { option, onPoint, onColumn };
  });

  useEffect(() => {
    let gone = false;
    let observer: ResizeObserver | undefined;
    void import("./echarts").then(({ echarts }) => {
      if (gone || !box.current) return;
      const c = echarts.init(box.current, `touchstone-${mode}`);
      chart.current = c;
      c.setOption(latest.current.option);
      c.on("click", (e) => {
        latest.current.onPoint?.({
          seriesIndex: e.seriesIndex ?? 0,
          dataIndex: e.dataIndex,
          name: e.name,
          value: e.value,
        });
      });
      const zr = c.getZr();
      zr.on("click", (e) => {
        const at = [e.offsetX, e.offsetY];
        if (!latest.current.onColumn || !c.containPixel("grid", at)) return;
        const [index] = c.convertFromPixel("grid", at) ?? [];
        if (index !== undefined) latest.current.onColumn(Math.round(index));
      });
      zr.on("mousemove", (e) => {
        if (latest.current.onColumn) {
          zr.setCursorStyle(c.containPixel("grid", [e.offsetX, e.offsetY]) ? "pointer" : "default");
        }
      });
      observer = new ResizeObserver(() => c.resize());
      observer.observe(box.current);
      setReady(true);
    });
    return () => {
      gone = true;
      observer?.disconnect();
      chart.current?.dispose();
      chart.current = null;
    };
  }, [mode]);

  useEffect(() => {
    chart.current?.setOption(option, { notMerge: true });
  }, [option]);

  return (
    <>
      <div ref={box} className="chart-canvas" role="img" aria-label={label} />
      {!ready && <ChartSkeleton />}
    </>
  );
}

function ChartSkeleton() {
  return (
    <div className="chart-skeleton" aria-hidden="true">
      {[38, 52, 45, 64, 58, 72, 60, 78, 70, 84, 74, 88].map((h) => (
        <i key={h} style={{ height: `${h}%` }} />
      ))}
    </div>
  );
}
