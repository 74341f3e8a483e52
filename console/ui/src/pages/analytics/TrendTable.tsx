import { useTranslation } from "react-i18next";
import type { Measure } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { type Column, DataTable } from "@/components/DataTable";
import { Door } from "./parts";
import type { Line } from "./question";
import { lineTotal } from "./trendChart";

/** The numbers of a trend. A few lines stand beside each other with a row per interval; many get a row each. */
export function TrendTable(props: {
  times: readonly string[];
  lines: readonly Line[];
  nameOf: (l: Line) => string;
  keyOf: (l: Line) => string;
  measureOf: (l: Line) => Measure;
  timeLabel: (time: string) => string;
  onOpen: (l: Line, at: number) => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const { times, lines } = props;
  const figure = (l: Line, at: number) => {
    const v = l.values[at];
    if (v === null || v === undefined) return <span className="muted">–</span>;
    if (v === 0) return <span className="muted n">0</span>;
    return (
      <Door onOpen={() => props.onOpen(l, at)}>
        <span className="n">{format.num(v, 2)}</span>
      </Door>
    );
  };
  const label = t("analytics.trend.table");

  if (lines.length <= 6) {
    interface Row {
      at: number;
      time: string;
    }
    const columns: Column<Row>[] = [
      {
        key: "time",
        title: t("analytics.trend.time"),
        width: 180,
        time: true,
        value: (r) => r.time,
        render: (r) => props.timeLabel(r.time),
      },
      ...lines.map(
        (l, i): Column<Row> => ({
          key: `l${i}`,
          title: props.nameOf(l),
          align: "right",
          value: (r) => l.values[r.at],
          render: (r) => figure(l, r.at),
        }),
      ),
    ];
    return (
      <div>
        <DataTable
          id="trend"
          label={label}
          columns={columns}
          rows={times.map((time, at) => ({ at, time }))}
          rowKey={(r) => r.time}
          defaultSort="-time"
          filters={<h2 className="table-title">{label}</h2>}
        />
      </div>
    );
  }
  const columns: Column<Line>[] = [
    {
      key: "name",
      title: t("analytics.trend.group"),
      width: 220,
      value: props.nameOf,
      render: (l) => (
        <span className="ellipsis line-name" title={props.nameOf(l)}>
          {props.nameOf(l)}
        </span>
      ),
    },
    {
      key: "total",
      title: t("analytics.trend.sum"),
      align: "right",
      value: (l) => lineTotal(l.values, props.measureOf(l)),
      render: (l) => <b>{format.num(lineTotal(l.values, props.measureOf(l)), 2)}</b>,
    },
    ...times.map(
      (time, at): Column<Line> => ({
        key: `t${at}`,
        title: props.timeLabel(time),
        align: "right",
        value: (l) => l.values[at],
        render: (l) => figure(l, at),
      }),
    ),
  ];
  return (
    <div>
      <DataTable
        id="trend-groups"
        label={label}
        columns={columns}
        rows={lines}
        rowKey={props.keyOf}
        filters={<h2 className="table-title">{label}</h2>}
      />
    </div>
  );
}
