import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Segmented } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Segment, SegmentFlow } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { Chart } from "@/components/Chart";
import { type Column, DataTable } from "@/components/DataTable";
import { Num } from "@/components/Num";
import { ErrorState } from "@/components/states";
import { flowHours, segmentFlowQuery, segmentTrendQuery } from "./queries";
import { type SizePoint, useSizeOption } from "./useSizeOption";

/** A segment that is younger than so many ms has no course by days yet. */
const youth = 2 * 86_400_000;

type Point = SizePoint & { from: string };

/** How a segment's size came about: its course by day or by hour. */
export function Size(props: {
  segment: Segment;
  interval: "hour" | "day" | undefined;
  onInterval: (interval: "hour" | "day") => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const { id, created_at: created } = props.segment;
  const [young] = useState(() => Date.now() - Date.parse(created) < youth);
  const interval = props.interval ?? (young ? "hour" : "day");
  const query = useQuery(segmentTrendQuery(id, interval));
  const points = useMemo(
    () =>
      query.data?.points.map((p): Point => {
        const label =
          interval === "hour" ? `${format.day(p.from)} ${format.time(p.from)}` : format.day(p.from);
        return { ...p, label };
      }),
    [query.data, format, interval],
  );
  const option = useSizeOption(points, true);
  const number = (key: "members" | "entered" | "left", title: string): Column<Point> => ({
    key,
    title,
    align: "right",
    value: (p) => p[key],
    render: (p) => <Num value={p[key]} />,
  });
  return (
    <section className="card" data-testid="size">
      <div className="card-head">
        <h2>{t("explorer.size.title")}</h2>
        <Segmented
          size="small"
          aria-label={t("explorer.size.interval")}
          value={interval}
          onChange={props.onInterval}
          options={[
            { value: "day", label: t("explorer.size.days") },
            { value: "hour", label: t("explorer.size.hours") },
          ]}
        />
      </div>
      <div className="explorer-chart">
        <Chart
          label={t("segments.historyLabel")}
          option={option}
          height={250}
          loading={query.isPending}
          error={query.error}
          onRetry={() => void query.refetch()}
          empty={points?.length === 0}
          emptyHint={t("segments.noHistoryHint")}
          table={
            <DataTable
              plain
              id="segment-trend"
              label={t("explorer.size.title")}
              columns={[
                { key: "from", title: t("segments.date"), value: (p) => p.from, render: (p) => p.label },
                number("members", t("segments.members")),
                number("entered", t("segments.change.entered")),
                number("left", t("segments.change.left")),
              ]}
              rows={points}
              rowKey={(p) => p.from}
              defaultSort="-from"
            />
          }
        />
      </div>
      <Flow id={id} />
    </section>
  );
}

/** Who came and who went, who of them came back, and where they are besides. */
function Flow({ id }: { id: string }) {
  const { t } = useTranslation();
  const query = useQuery(segmentFlowQuery(id));
  const flow = query.data;
  if (query.error && !flow)
    return (
      <ErrorState
        error={query.error}
        onRetry={() => void query.refetch()}
        title={t("explorer.flow.failed")}
      />
    );
  const figure = (n: number | undefined, label: string, kind?: "entered" | "left") => (
    <div>
      <dt>{label}</dt>
      <dd>
        {n === undefined ? (
          <span className="bone" style={{ width: 40 }} />
        ) : kind ? (
          <Link to="/segments/$id" params={{ id }} search={{ tab: "changes" }} className="door">
            <Num value={n} />
          </Link>
        ) : (
          <Num value={n} />
        )}
      </dd>
    </div>
  );
  return (
    <div className="flow" data-testid="flow" aria-busy={query.isPending}>
      <h3>
        {t("explorer.flow.title", { count: flowHours / 24, n: flowHours / 24 })}
        {flow && !flow.complete && <small className="muted"> · {t("explorer.flow.incomplete")}</small>}
      </h3>
      <dl>
        {figure(flow?.entered, t("segments.change.entered"), "entered")}
        {figure(flow?.left, t("segments.change.left"), "left")}
        {figure(flow?.came_back, t("explorer.flow.cameBack"))}
        {figure(flow?.stayed_out, t("explorer.flow.stayedOut"))}
      </dl>
      {flow && (
        <div className="flow-neighbours">
          <Neighbours title={t("explorer.flow.from")} rows={flow.from_segments} of={flow.entered} />
          <Neighbours title={t("explorer.flow.to")} rows={flow.to_segments} of={flow.left} />
        </div>
      )}
    </div>
  );
}

function Neighbours({ title, rows, of }: { title: string; rows: SegmentFlow["to_segments"]; of: number }) {
  const format = useFormat();
  if (rows.length === 0) return null;
  return (
    <div>
      <h4>{title}</h4>
      <ul>
        {rows.slice(0, 5).map((s) => (
          <li key={s.id}>
            <Link to="/segments/$id" params={{ id: s.id }} className="ellipsis" title={s.name}>
              {s.name}
            </Link>
            <span className="upset-size" aria-hidden="true">
              <i style={{ width: `${Math.min(100, (s.members / Math.max(1, of)) * 100)}%` }} />
            </span>
            <span className="num muted">{format.num(s.members)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
