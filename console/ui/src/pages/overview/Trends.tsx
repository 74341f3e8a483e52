import { useQuery } from "@tanstack/react-query";
import { Button, Tooltip } from "antd";
import { ChartLine, Table2 } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { analyticsQuery } from "@/api/queries";
import { useFormat } from "@/app/appearance";
import { EmptyState, ErrorState } from "@/components/states";
import { usePeopleBehind } from "@/lib/behind";
import { DayColumns } from "./DayColumns";
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
  error: unknown;
  onRetry: () => void;
  question: ReturnType<typeof dailyQuestion>;
  field: "events" | "persons";
  series: number;
}) {
  const { rows, field, series, question } = props;
  const { t } = useTranslation();
  const format = useFormat();
  const behind = usePeopleBehind();
  const [asTable, setAsTable] = useState(false);
  const title = t(field === "events" ? "overview.events" : "overview.active");
  const failed = Boolean(props.error && !rows);
  const toggle = t(asTable ? "chart.asChart" : "chart.asTable");

  const open = (r: DayRow | undefined) => {
    if (!r) return;
    behind({
      title: t("overview.behindEvents", { day: format.date(r.time) }),
      query: question,
      select: { bucket: r.time, series },
    });
  };

  return (
    <section className="card trend" aria-busy={!rows && !failed}>
      <header>
        <div>
          <h2>
            <Tooltip title={field === "persons" ? t("overview.activeHelp") : null}>
              <span>{title}</span>
            </Tooltip>{" "}
            <small>{t("overview.lastDays")}</small>
          </h2>
          <Today rows={rows} field={field} failed={failed} onOpen={open} />
        </div>
        {rows && (
          <Tooltip title={toggle}>
            <Button
              type="text"
              size="small"
              aria-label={toggle}
              icon={asTable ? <ChartLine size={15} /> : <Table2 size={15} />}
              onClick={() => setAsTable(!asTable)}
            />
          </Tooltip>
        )}
      </header>
      {failed ? (
        <ErrorState error={props.error} onRetry={props.onRetry} />
      ) : !rows ? (
        <div className="days-bone">
          <span className="bone" />
        </div>
      ) : rows.every((r) => r[field] === 0) ? (
        <EmptyState title={t("chart.empty")} />
      ) : asTable ? (
        <DayTable rows={rows} field={field} title={title} onOpen={open} />
      ) : (
        <DayColumns
          label={title}
          line={field === "persons"}
          days={rows.map((r) => ({ time: r.time, value: r[field] }))}
          onOpen={(i) => open(rows[i])}
        />
      )}
    </section>
  );
}

/** The day so far, and the last whole day against a week before: a part of a day is compared with nothing. */
function Today(props: {
  rows: DayRow[] | undefined;
  field: "events" | "persons";
  failed: boolean;
  onOpen: (r: DayRow | undefined) => void;
}) {
  const { rows, field } = props;
  const { t } = useTranslation();
  const format = useFormat();
  if (!rows) {
    return (
      <p className="trend-today">
        {props.failed ? (
          <span className="muted">–</span>
        ) : (
          <span className="bone" style={{ width: 72, height: 20 }} />
        )}
        <small>{t("overview.today")}</small>
      </p>
    );
  }
  const today = rows.at(-1);
  const yesterday = rows.at(-2);
  const change = changeOverWeek(rows.map((r) => r[field]));
  const n = format.num(yesterday?.[field]);
  return (
    <p className="trend-today">
      <button type="button" className="door" onClick={() => props.onOpen(today)}>
        {format.num(today?.[field])}
      </button>
      <small>
        {t("overview.today")} {"· "}
        {change === null
          ? t("overview.yesterday", { n })
          : t("overview.yesterdayChange", { n, change: format.change(change) })}
      </small>
    </p>
  );
}

function DayTable(props: {
  rows: DayRow[];
  field: "events" | "persons";
  title: string;
  onOpen: (r: DayRow) => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <div className="days-table">
      <table aria-label={props.title}>
        <thead>
          <tr>
            <th scope="col">{t("overview.day")}</th>
            <th scope="col" className="num">
              {t(props.field === "events" ? "overview.count" : "overview.persons")}
            </th>
          </tr>
        </thead>
        <tbody>
          {props.rows.toReversed().map((r) => (
            <tr key={r.time}>
              <th scope="row">{format.day(r.time)}</th>
              <td className="num">
                <button type="button" className="door" onClick={() => props.onOpen(r)}>
                  {format.num(r[props.field])}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
