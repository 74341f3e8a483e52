import { Button } from "antd";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { MatchedQuery } from "@/api/types";
import { useFormat, useMode } from "@/app/appearance";
import { chartColor } from "@/app/theme";
import { Chart } from "@/components/Chart";
import { usePeopleBehind } from "@/lib/behind";
import { bucketLabel, trendOption } from "@/pages/analytics/trendChart";
import type { Answer } from "@/pages/analytics/useAnswer";
import { byGroup, type Evidence, evidences, readSales, type Sales, shareOf, sumOf } from "./answer";

/** The shares, their course over time, and the groups. Each number leads to the people behind it. */
export function SalesResult({ answer }: { answer: Answer<MatchedQuery> }) {
  const { t } = useTranslation();
  const format = useFormat();
  const mode = useMode();
  const list = useMemo(() => (answer.answered ? readSales(answer.answered.result) : []), [answer.answered]);
  const query = answer.answered?.query;
  const show = useShow(query);
  const times = [...new Set(list.map((s) => s.time))];
  const at = (time: string) => list.filter((s) => s.time === time);
  const events = sumOf(list, "events");
  const interval = query?.interval ?? "week";
  const option =
    query && list.length > 0
      ? trendOption({
          times,
          lines: evidences.map((e, i) => ({
            name: t(`sales.evidence.${e}`),
            values: times.map((time) => sumOf(at(time), "events")[e]),
            color: chartColor(mode, e === "none" ? 7 : i),
          })),
          chart: "bar",
          stacked: true,
          interval,
          running: -1,
          runningWord: "",
          format,
        })
      : null;
  const groups = byGroup(list);
  return (
    <>
      <section className="card card-pad" aria-busy={answer.asking} data-stale={answer.stale || undefined}>
        <dl className="facts">
          <Fact name={t("sales.events")} share={shareOf(events)} />
          {query?.amount && <Fact name={t("sales.revenue")} share={shareOf(sumOf(list, "revenue"))} />}
          {evidences.map((e) => (
            <div key={e}>
              <dt>{t(`sales.evidence.${e}`)}</dt>
              <dd>
                {format.num(events[e])}{" "}
                <small className="muted">
                  {events.all > 0 ? format.percent(events[e] / events.all) : "–"}
                </small>
              </dd>
            </div>
          ))}
        </dl>
        <Chart
          label={t("sales.chart")}
          option={option}
          loading={answer.asking}
          error={answer.error}
          onRetry={answer.retry}
          empty={option !== null && events.all === 0}
          emptyHint={t("sales.noSales")}
          onPoint={(p) => {
            const [time, evidence] = [times[p.dataIndex], evidences[p.seriesIndex]];
            const group = groups.length === 1 ? groups[0] : undefined;
            if (time && evidence && group)
              show(time, evidence, group.group, bucketLabel(time, interval, format));
          }}
          table={<SalesTable list={list} times={times} interval={interval} />}
        />
      </section>
      {query?.breakdown && groups.length > 0 && (
        <section className="card sales-scroll">
          <table className="sales-table">
            <thead>
              <tr>
                <th>{t("analytics.breakdown")}</th>
                <th className="num">{t("sales.count")}</th>
                {query.amount && <th className="num">{t("sales.revenueShort")}</th>}
                <th className="num">{t("sales.events")}</th>
                {query.amount && <th className="num">{t("sales.revenue")}</th>}
                {evidences.map((e) => (
                  <th key={e} className="num">
                    {t(`sales.evidence.${e}`)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {groups.map((g) => (
                <GroupRow
                  key={g.group ?? ""}
                  group={g.group}
                  sales={g.sales}
                  money={Boolean(query.amount)}
                  query={query}
                />
              ))}
            </tbody>
          </table>
        </section>
      )}
    </>
  );
}

/** Opens the people of one number. Without a time they are those of the whole range. */
function useShow(query: MatchedQuery | undefined) {
  const { t } = useTranslation();
  const behind = usePeopleBehind();
  return (time: string | null, evidence: Evidence, group: string | null, name: string) => {
    if (!query) return;
    behind({
      title: t("sales.behind", { evidence: t(`sales.evidence.${evidence}`), name }),
      query: time === null ? { ...query, interval: "total" } : query,
      select: {
        evidence,
        ...(time === null ? {} : { bucket: time }),
        ...(query.breakdown ? { breakdown: [group] } : {}),
      },
    });
  };
}

function GroupRow(props: { group: string | null; sales: Sales[]; money: boolean; query: MatchedQuery }) {
  const { t } = useTranslation();
  const format = useFormat();
  const show = useShow(props.query);
  const events = sumOf(props.sales, "events");
  const revenue = sumOf(props.sales, "revenue");
  const name = props.group ?? t("sales.without");
  const share = (v: number | null) => (v === null ? "–" : format.percent(v));
  return (
    <tr>
      <th scope="row">{name}</th>
      <td className="num">{format.num(events.all)}</td>
      {props.money && <td className="num">{format.num(revenue.all, 0)}</td>}
      <td className="num">{share(shareOf(events))}</td>
      {props.money && <td className="num">{share(shareOf(revenue))}</td>}
      {evidences.map((e) => (
        <td key={e} className="num">
          {events[e] > 0 ? (
            <Button type="link" size="small" onClick={() => show(null, e, props.group, name)}>
              {format.num(events[e])}
            </Button>
          ) : (
            <span className="muted">0</span>
          )}
        </td>
      ))}
    </tr>
  );
}

function Fact({ name, share }: { name: string; share: number | null }) {
  const format = useFormat();
  return (
    <div>
      <dt>{name}</dt>
      <dd className="sales-share">{share === null ? "–" : format.percent(share)}</dd>
    </div>
  );
}

function SalesTable(props: {
  list: readonly Sales[];
  times: readonly string[];
  interval: NonNullable<MatchedQuery["interval"]>;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <table className="sales-table">
      <thead>
        <tr>
          <th>{t("sales.time")}</th>
          {evidences.map((e) => (
            <th key={e} className="num">
              {t(`sales.evidence.${e}`)}
            </th>
          ))}
          <th className="num">{t("sales.events")}</th>
        </tr>
      </thead>
      <tbody>
        {props.times.map((time) => {
          const sum = sumOf(
            props.list.filter((s) => s.time === time),
            "events",
          );
          const share = shareOf(sum);
          return (
            <tr key={time}>
              <th scope="row">{bucketLabel(time, props.interval, format)}</th>
              {evidences.map((e) => (
                <td key={e} className="num">
                  {format.num(sum[e])}
                </td>
              ))}
              <td className="num">{share === null ? "–" : format.percent(share)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
