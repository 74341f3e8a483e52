import { Button, Segmented, Select } from "antd";
import { ChartColumn, ChartLine, Plus } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Interval, Measure, QueryResult, TrendQuery } from "@/api/types";
import { useFormat, useMode } from "@/app/appearance";
import { chartColor, palettes } from "@/app/theme";
import { Chart, type ChartPoint } from "@/components/Chart";
import { FieldPicker } from "@/components/conditions/FieldPicker";
import { usePeopleBehind } from "@/lib/behind";
import { formatJson } from "@/lib/json";
import { useLabels } from "@/lib/labels";
import { EventBlock } from "./EventBlock";
import { useFrame } from "./frame";
import { AnswerFrame, Door, EmptyRange, StartState, useGroupName } from "./parts";
import {
  autoInterval,
  exampleTrend,
  intervals,
  type Line,
  measures,
  needsProperty,
  readTrend,
  type SeriesDraft,
  type TrendDraft,
  trendQuery,
} from "./question";
import { TrendTable } from "./TrendTable";
import { bucketLabel, lineTotal, runningAt, trendOption } from "./trendChart";
import { useAnswer } from "./useAnswer";

const mostLines = 8;

export function TrendTab() {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const { q, set, range, events } = useFrame();
  // An open page answers something at once: the most frequent event.
  const draft = useMemo<TrendDraft | null>(() => q.trend ?? exampleTrend(events), [q.trend, events]);
  const query = draft && trendQuery(q, draft, range, format.timeZone);
  const answer = useAnswer<TrendQuery>(query);
  const change = (next: Partial<TrendDraft>) => {
    if (draft) set({ trend: { ...draft, ...next } });
  };
  const series = draft?.series ?? [];
  const setSeries = (list: SeriesDraft[]) => set({ trend: { ...draft, series: list } });
  const interval = draft?.interval ?? autoInterval(range.days);
  const [fresh, setFresh] = useState<number | null>(null);

  return (
    <div className="workbench">
      <section className="card card-pad question" aria-label={t("analytics.trend.question")}>
        <h2>{t("analytics.trend.series")}</h2>
        {series.map((s, i) => (
          <EventBlock
            // biome-ignore lint/suspicious/noArrayIndexKey: series have no identity but their place
            key={i}
            mark={<SeriesMark index={i} />}
            value={s}
            any
            fresh={i === fresh}
            label={t("analytics.trend.seriesEvent", { letter: letter(i) })}
            onChange={(next) => setSeries(series.map((x, j) => (j === i ? next : x)))}
            onRemove={
              series.length > 1
                ? () => {
                    setFresh(null);
                    setSeries(series.filter((_, j) => j !== i));
                  }
                : undefined
            }
          >
            <div className="event-measure">
              <Select<Measure>
                className="pick"
                aria-label={t("analytics.trend.measure")}
                value={s.measure}
                popupMatchSelectWidth={false}
                listHeight={400}
                onChange={(measure) => {
                  const { property: _, ...rest } = s;
                  setSeries(
                    series.map((x, j) => (j === i ? { ...(needsProperty(measure) ? s : rest), measure } : x)),
                  );
                }}
                options={measures.map((m) => ({ value: m, label: t(`analytics.measure.${m}`) }))}
              />
              {needsProperty(s.measure) && (
                <FieldPicker
                  events={[s.event]}
                  numbers
                  value={s.property ? { property: s.property } : {}}
                  label={t("analytics.trend.property")}
                  placeholder={t("analytics.trend.property")}
                  onChange={(f) =>
                    setSeries(series.map((x, j) => (j === i ? { ...s, property: f.property ?? "" } : x)))
                  }
                />
              )}
            </div>
          </EventBlock>
        ))}
        {series.length < 10 && (
          <Button
            size="small"
            icon={<Plus size={13} />}
            onClick={() => {
              setFresh(series.length);
              setSeries([...series, { event: "", measure: "count" }]);
            }}
          >
            {t("analytics.trend.add")}
          </Button>
        )}
      </section>
      <AnswerFrame
        answer={answer}
        asked={query !== null}
        start={
          <StartState
            icon={<ChartLine />}
            title={t("analytics.trend.start")}
            hint={t("analytics.trend.startHint")}
            example={exampleTrend(events)?.series.map((s) => labels.event(s.event))[0] ?? null}
            onExample={() => set({ trend: exampleTrend(events) ?? undefined })}
          />
        }
        skeleton={<TrendSkeleton />}
      >
        {({ query: asked, result }) => (
          <TrendAnswer
            query={asked}
            result={result}
            interval={interval}
            chart={draft?.chart ?? "line"}
            onInterval={(v) => change({ interval: v })}
            onChart={(v) => change({ chart: v })}
          />
        )}
      </AnswerFrame>
    </div>
  );
}

const letter = (i: number) => String.fromCharCode(65 + i);

function SeriesMark({ index }: { index: number }) {
  return (
    <span className="mark" aria-hidden="true">
      {letter(index)}
    </span>
  );
}

function TrendAnswer(props: {
  query: TrendQuery;
  result: QueryResult;
  interval: Interval;
  chart: "line" | "bar";
  onInterval: (v: Interval) => void;
  onChart: (v: "line" | "bar") => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const mode = useMode();
  const labels = useLabels();
  const behind = usePeopleBehind();
  const groupName = useGroupName();
  const { query, result } = props;
  const { times, lines: all } = useMemo(() => readTrend(result), [result]);
  const [off, setOff] = useState<string[]>([]);
  const [askedAt] = useState(Date.now);

  const nameOf = (line: Line): string => {
    const s = query.series[line.series];
    const measure = s?.measure ?? "count";
    const event = s ? (s.event === "*" ? t("condition.anyEvent") : labels.event(s.event)) : "";
    const what =
      measure === "count"
        ? event
        : needsProperty(measure)
          ? t("analytics.trend.lineOf", {
              event,
              measure: t(`analytics.measure.${measure}`),
              property: s?.property ?? "",
            })
          : t("analytics.trend.line", { event, measure: t(`analytics.measure.${measure}`) });
    if (line.group.length === 0) return what;
    return query.series.length > 1 ? `${what} · ${groupName(line.group)}` : groupName(line.group);
  };
  const keyOf = (line: Line) => formatJson([line.series, line.group]);
  const sorted = useMemo(() => {
    const size = (l: Line) => l.values.reduce<number>((sum, v) => sum + Number(v ?? 0), 0);
    return all.some((l) => l.group.length > 0) ? [...all].sort((a, b) => size(b) - size(a)) : all;
  }, [all]);
  const shown = sorted.slice(0, mostLines);
  const visible = shown.filter((l) => !off.includes(keyOf(l)));
  // One line alone is the streak, as everywhere; several are told apart.
  const colorOf = (i: number) => (sorted.length === 1 ? palettes[mode].goldLine : chartColor(mode, i));
  const interval = query.interval ?? "day";
  const total = interval === "total";

  const open = (line: Line, at: number) => {
    const time = times[at];
    if (time === undefined) return;
    behind({
      title: total
        ? nameOf(line)
        : t("analytics.trend.behind", { name: nameOf(line), time: bucketLabel(time, interval, format) }),
      query,
      select: {
        bucket: time,
        series: line.series,
        ...(line.group.length > 0 ? { breakdown: line.group } : {}),
      },
    });
  };

  const only = visible.length === 1 ? visible[0] : undefined;
  const nothing = all.every((l) => l.values.every((v) => !v));
  // Money and counts do not share a scale: measures of a property go to the right when there are counts beside them.
  const ofProperty = (l: Line) => needsProperty(query.series[l.series]?.measure ?? "count");
  const right = (l: Line) => ofProperty(l) && visible.some((x) => !ofProperty(x));
  const option = trendOption({
    times,
    lines: visible.map((l) => ({
      name: nameOf(l),
      values: l.values,
      color: colorOf(shown.indexOf(l)),
      right: right(l),
    })),
    chart: props.chart,
    stacked: visible.every((l) => l.group.length > 0 && query.series[l.series]?.measure === "count"),
    interval,
    running: runningAt(times, interval, query.to, askedAt, format.timeZone),
    runningWord: t("analytics.running_"),
    format,
  });

  return (
    <>
      <section className="card" aria-label={t("analytics.trend.result")}>
        <div className="card-head answer-head">
          <Segmented<Interval>
            size="small"
            aria-label={t("analytics.interval")}
            value={props.interval}
            onChange={props.onInterval}
            options={intervals.map((v) => ({ value: v, label: t(`analytics.per.${v}`) }))}
          />
          {!total && (
            <Segmented<"line" | "bar">
              size="small"
              aria-label={t("analytics.trend.chart")}
              value={props.chart}
              onChange={props.onChart}
              options={[
                { value: "line", icon: <ChartLine size={14} />, title: t("analytics.trend.lines") },
                { value: "bar", icon: <ChartColumn size={14} />, title: t("analytics.trend.bars") },
              ]}
            />
          )}
        </div>
        {total ? (
          <ul className="totals">
            {sorted.map((l, i) => (
              <li key={keyOf(l)}>
                <span className="ellipsis" title={nameOf(l)}>
                  <i style={{ background: colorOf(i) }} /> {nameOf(l)}
                </span>
                <Door className="big door" onOpen={() => open(l, 0)}>
                  {format.num(l.values[0], 2)}
                </Door>
              </li>
            ))}
          </ul>
        ) : (
          <div className="trend-chart">
            <ul className="legend" aria-label={t("analytics.trend.legend")}>
              {shown.map((l, i) => {
                const key = keyOf(l);
                const on = !off.includes(key);
                const sum = lineTotal(l.values, query.series[l.series]?.measure);
                return (
                  <li key={key}>
                    <button
                      type="button"
                      aria-pressed={on}
                      title={nameOf(l)}
                      onClick={() => setOff(on ? [...off, key] : off.filter((k) => k !== key))}
                    >
                      <i style={{ background: colorOf(i) }} />
                      <span className="ellipsis">{nameOf(l)}</span>
                      {right(l) && <small>{t("analytics.trend.right")}</small>}
                      {sum !== null && <b>{format.compact(sum)}</b>}
                    </button>
                  </li>
                );
              })}
              {sorted.length > shown.length && (
                <li className="muted legend-note">
                  {t("analytics.trend.more", { n: format.num(shown.length), of: format.num(sorted.length) })}
                </li>
              )}
            </ul>
            {nothing ? (
              <EmptyRange title={t("chart.empty")} />
            ) : (
              <Chart
                label={t("analytics.trend.chartLabel", { names: format.list(shown.map(nameOf)) })}
                option={option}
                height={320}
                // With one line there is no doubt which one is meant: anywhere above the day will do.
                {...(only
                  ? { onColumn: (at: number) => open(only, at) }
                  : {
                      onPoint: (p: ChartPoint) => {
                        const line = visible[p.seriesIndex % Math.max(1, visible.length)];
                        if (line) open(line, p.dataIndex);
                      },
                    })}
              />
            )}
          </div>
        )}
      </section>
      {!total && !nothing && (
        <TrendTable
          times={times}
          lines={sorted}
          nameOf={nameOf}
          keyOf={keyOf}
          measureOf={(l) => query.series[l.series]?.measure ?? "count"}
          timeLabel={(time) => bucketLabel(time, interval, format)}
          onOpen={open}
        />
      )}
    </>
  );
}

function TrendSkeleton() {
  return (
    <div className="stack" aria-hidden="true">
      <div className="card card-pad">
        <span className="bone" style={{ width: 280, height: 24 }} />
        <div className="chart" style={{ height: 356 }}>
          <div className="chart-skeleton">
            {[38, 52, 45, 64, 58, 72, 60, 78, 70, 84, 74, 88].map((h) => (
              <i key={h} style={{ height: `${h}%` }} />
            ))}
          </div>
        </div>
      </div>
    </div>
  );
}
