import { Button, InputNumber, Segmented, Select, Tooltip } from "antd";
import type { EChartsOption } from "echarts";
import { Download, Repeat } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { QueryResult, RetentionQuery } from "@/api/types";
import { useFormat, useMode } from "@/app/appearance";
import { palettes } from "@/app/theme";
import { Chart } from "@/components/Chart";
import { usePeopleBehind } from "@/lib/behind";
import { downloadCsv, toCsv } from "@/lib/csv";
import { useLabels } from "@/lib/labels";
import { EventBlock } from "./EventBlock";
import { useFrame } from "./frame";
import { heatColor } from "./heat";
import { AnswerFrame, Door, EmptyRange, StartState } from "./parts";
import {
  autoCohort,
  type Cohort,
  cohortIntervals,
  exampleRetention,
  type RetentionDraft,
  readRetention,
  retentionCurve,
  retentionQuery,
} from "./question";
import { bucketEnd, bucketLabel } from "./trendChart";
import { useAnswer } from "./useAnswer";

const blank: RetentionDraft = { first: { event: "" }, return: { event: "" } };

export function RetentionTab() {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const { q, set, range, events } = useFrame();
  const draft = q.retention ?? blank;
  const query = retentionQuery(q, draft, range, format.timeZone);
  const answer = useAnswer<RetentionQuery>(query);
  const example = useMemo(() => exampleRetention(events), [events]);
  const change = (next: Partial<RetentionDraft>) => set({ retention: { ...draft, ...next } });
  const interval = draft.interval ?? autoCohort(range.days);
  const name = (event: string) => (event === "*" ? t("condition.anyEvent") : labels.event(event));

  return (
    <div className="workbench">
      <section className="card card-pad question" aria-label={t("analytics.retention.question")}>
        <h2>{t("analytics.retention.first")}</h2>
        <EventBlock
          mark={null}
          any
          value={draft.first}
          label={t("analytics.retention.first")}
          onChange={(first) => change({ first })}
        />
        <h2>{t("analytics.retention.return")}</h2>
        <EventBlock
          mark={null}
          any
          value={draft.return}
          label={t("analytics.retention.return")}
          onChange={(back) => change({ return: back })}
        />
        <h2>{t("analytics.retention.interval")}</h2>
        <Segmented
          aria-label={t("analytics.retention.interval")}
          value={interval}
          onChange={(v) => change({ interval: v })}
          options={cohortIntervals.map((v) => ({ value: v, label: t(`analytics.per.${v}`) }))}
        />
        <h2>{t("analytics.retention.periods")}</h2>
        <InputNumber
          className="rule-n"
          aria-label={t("analytics.retention.periods")}
          min={1}
          max={100}
          precision={0}
          value={draft.periods ?? query?.periods ?? 8}
          onChange={(periods) => change({ periods: periods ?? undefined })}
        />
        <h2>{t("analytics.retention.mode")}</h2>
        <Select
          className="pick"
          aria-label={t("analytics.retention.mode")}
          value={draft.mode ?? "n_day"}
          onChange={(mode) => change({ mode })}
          options={(["n_day", "rolling"] as const).map((m) => ({
            value: m,
            label: t(`analytics.retention.modes.${m}`),
          }))}
        />
        <p className="muted question-note">{t(`analytics.retention.modeHelp.${draft.mode ?? "n_day"}`)}</p>
      </section>
      <AnswerFrame
        answer={answer}
        asked={query !== null}
        start={
          <StartState
            icon={<Repeat />}
            title={t("analytics.retention.start")}
            hint={t("analytics.retention.startHint")}
            example={
              example &&
              t("analytics.retention.example", {
                first: name(example.first.event),
                back: name(example.return.event),
              })
            }
            onExample={() => set({ retention: example ?? undefined })}
          />
        }
        skeleton={<RetentionSkeleton />}
      >
        {({ query: asked, result }) => <RetentionAnswer query={asked} result={result} />}
      </AnswerFrame>
    </div>
  );
}

function RetentionAnswer({ query, result }: { query: RetentionQuery; result: QueryResult }) {
  const { t } = useTranslation();
  const format = useFormat();
  const mode = useMode();
  const behind = usePeopleBehind();
  const [view, setView] = useState<"rate" | "persons">("rate");
  const [now] = useState(Date.now);
  const interval = query.interval ?? "week";
  const cohorts = useMemo(() => readRetention(result), [result]);
  // The cohort k later begins when the k-th period of this one does.
  const running = useMemo(() => {
    const ends = cohorts.map((c) => bucketEnd(c.time, interval, query.to, format.timeZone));
    return (cohort: number, period: number) => (ends[cohort + period] ?? 0) > now;
  }, [cohorts, interval, query.to, now, format.timeZone]);
  const curve = useMemo(() => retentionCurve(cohorts, running), [cohorts, running]);
  const filled = cohorts.filter((c) => c.size > 0);
  const columns = Math.max(0, ...filled.map((c) => c.cells.length));
  const top = Math.max(0.0001, ...filled.flatMap((c) => c.cells.slice(1).map((x) => x?.rate ?? 0)));
  const periodName = (k: number) => t(`analytics.retention.period.${interval}`, { n: format.num(k) });

  const open = (c: Cohort, period?: number) => {
    const cohort = bucketLabel(c.time, interval, format);
    behind({
      title:
        period === undefined
          ? t("analytics.retention.behindCohort", { cohort })
          : t("analytics.retention.behindCell", { cohort, period: periodName(period) }),
      query,
      select: { cohort: c.time, ...(period === undefined ? {} : { period }) },
    });
  };
  const exportCsv = () =>
    downloadCsv(
      `touchstone-retention-${format.dayKey(Date.now())}`,
      toCsv(
        [
          t("analytics.retention.cohort"),
          t("analytics.retention.size"),
          ...Array.from({ length: columns }, (_, k) => periodName(k)),
        ],
        filled.map((c) => [
          format.dayKey(c.time),
          c.size,
          ...Array.from({ length: columns }, (_, k) => c.cells[k]?.[view] ?? null),
        ]),
      ),
    );

  if (filled.length === 0)
    return (
      <section className="card">
        <EmptyRange title={t("analytics.retention.nobody")} />
      </section>
    );
  return (
    <>
      <section className="card" aria-label={t("analytics.retention.result")}>
        <div className="card-head answer-head">
          <h2>{t("analytics.retention.table")}</h2>
          <Segmented<"rate" | "persons">
            size="small"
            aria-label={t("analytics.retention.show")}
            value={view}
            onChange={setView}
            options={[
              { value: "rate", label: t("analytics.retention.rates") },
              { value: "persons", label: t("analytics.retention.people") },
            ]}
          />
          <Tooltip title={t("table.export")}>
            <Button
              type="text"
              icon={<Download size={15} />}
              aria-label={t("table.export")}
              onClick={exportCsv}
            />
          </Tooltip>
        </div>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
        <div className="heat-box" tabIndex={0}>
          <table className="heat" data-testid="retention">
            <caption className="visually-hidden">{t("analytics.retention.table")}</caption>
            <thead>
              <tr>
                <th scope="col">{t("analytics.retention.cohort")}</th>
                <th scope="col" className="num">
                  {t("analytics.retention.size")}
                </th>
                {Array.from({ length: columns }, (_, k) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: periods are their numbers
                  <th scope="col" className="num" key={k}>
                    {periodName(k)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              <tr className="heat-average">
                <th scope="row">{t("analytics.retention.average")}</th>
                <td className="num">{format.num(filled.reduce((s, c) => s + c.size, 0))}</td>
                {curve.slice(0, columns).map((v, k) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: periods are their numbers
                  <td className="num" key={k}>
                    {format.percent(v)}
                  </td>
                ))}
              </tr>
              {cohorts.map((c, i) =>
                c.size === 0 ? null : (
                  <tr key={c.time}>
                    <th scope="row">{bucketLabel(c.time, interval, format)}</th>
                    <td className="num">
                      <Door onOpen={() => open(c)}>{format.num(c.size)}</Door>
                    </td>
                    {Array.from({ length: columns }, (_, k) => {
                      const cell = c.cells[k];
                      // biome-ignore lint/suspicious/noArrayIndexKey: periods are their numbers
                      if (!cell) return <td key={k} />;
                      const still = running(i, k);
                      return (
                        // biome-ignore lint/suspicious/noArrayIndexKey: periods are their numbers
                        <td key={k} className="heat-cell">
                          <button
                            type="button"
                            style={{
                              background: heatColor(cell.rate / Math.max(top, k === 0 ? 1 : 0), mode),
                            }}
                            data-running={still || undefined}
                            title={[
                              t("analytics.retention.cellTitle", {
                                n: format.num(cell.persons),
                                of: format.num(c.size),
                                rate: format.percent(cell.rate, 2),
                              }),
                              still ? t("analytics.running_") : "",
                            ]
                              .filter(Boolean)
                              .join(" · ")}
                            aria-label={t("analytics.retention.cellLabel", {
                              cohort: bucketLabel(c.time, interval, format),
                              period: periodName(k),
                              rate: format.percent(cell.rate),
                            })}
                            onClick={() => open(c, k)}
                          >
                            {view === "rate" ? format.percent(cell.rate) : format.num(cell.persons)}
                          </button>
                        </td>
                      );
                    })}
                  </tr>
                ),
              )}
            </tbody>
          </table>
        </div>
        <p className="heat-note muted">{t("analytics.retention.runningNote")}</p>
      </section>
      <RetentionCurve cohorts={filled} curve={curve} periodName={periodName} />
    </>
  );
}

function RetentionCurve(props: {
  cohorts: Cohort[];
  curve: (number | null)[];
  periodName: (k: number) => string;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const mode = useMode();
  const { curve } = props;
  const p = palettes[mode];
  const option: EChartsOption = {
    grid: { left: 8, right: 24, top: 16, bottom: 8, containLabel: true },
    xAxis: { type: "category", data: curve.map((_, k) => props.periodName(k)), boundaryGap: false },
    yAxis: { type: "value", min: 0, axisLabel: { formatter: (v: number) => format.percent(v, 0) } },
    tooltip: {
      trigger: "axis",
      formatter: (params) => {
        const at = (Array.isArray(params) ? params[0] : params)?.dataIndex ?? 0;
        return `${props.periodName(at)} &nbsp; <b style="font-weight:600">${format.percent(curve[at], 2)}</b>`;
      },
    },
    series: [
      ...props.cohorts.slice(-24).map((c) => ({
        type: "line" as const,
        silent: true,
        data: curve.map((_, k) => c.cells[k]?.rate ?? null),
        color: p.lineStrong,
        lineStyle: { width: 1, opacity: 0.7 },
        showSymbol: false,
        animation: false,
      })),
      {
        type: "line" as const,
        name: t("analytics.retention.average"),
        data: curve,
        color: p.goldLine,
        lineStyle: { width: 3 },
        showSymbol: true,
        symbolSize: 7,
        z: 5,
      },
    ],
  };
  return (
    <section className="card card-pad" aria-label={t("analytics.retention.curve")}>
      <h2 className="table-title">
        {t("analytics.retention.curve")} <small className="muted">{t("analytics.retention.curveHint")}</small>
      </h2>
      <Chart label={t("analytics.retention.curve")} option={option} height={240} />
    </section>
  );
}

function RetentionSkeleton() {
  return (
    <div className="card card-pad" aria-hidden="true">
      <div className="heat-bones">
        {Array.from({ length: 8 }, (_, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: bones have no identity
          <div key={i}>
            {Array.from({ length: 10 - i }, (_, k) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: bones have no identity
              <span className="bone" key={k} />
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}
