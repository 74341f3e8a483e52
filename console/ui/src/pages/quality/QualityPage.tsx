import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { HeartPulse } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { qualityAlarmsQuery, qualityScoresQuery } from "@/api/queries";
import type { QualityScore } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { Num } from "@/components/Num";
import { PageHeader } from "@/components/PageHeader";
import { Pill, type Tone } from "@/components/Pill";
import { Sparkline } from "@/components/Sparkline";
import { EmptyState } from "@/components/states";
import { useSetSearch } from "@/lib/useSetSearch";
import { useSources } from "@/lib/useSources";
import { Alarms } from "./Alarms";
import { Impact } from "./Impact";
import { ScoreDrawer } from "./ScoreDrawer";
import { parts, tone } from "./score";
import "./quality.css";

const route = getRouteApi("/shell/collect/quality");

/** A source with its hours, the newest last. */
interface Row {
  source: string;
  hours: QualityScore[];
  now: QualityScore;
  alarms: number;
}

/** How good the data of each source is, and what is not as usual. */
export function QualityPage() {
  const { t } = useTranslation();
  const format = useFormat();
  const { source: openId, impact } = route.useSearch();
  const setSearch = useSetSearch();
  const sources = useSources();
  const query = useQuery({ ...qualityScoresQuery("minute"), refetchInterval: 10_000 });
  const day = useQuery({ ...qualityScoresQuery("hour"), refetchInterval: 60_000 });
  const alarms = useQuery({ ...qualityAlarmsQuery, refetchInterval: 5_000 });
  const rows = useMemo(
    () => rowsOf(query.data?.items, day.data?.items, alarms.data?.items ?? []),
    [query.data, day.data, alarms.data],
  );

  const columns: Column<Row>[] = [
    {
      key: "source",
      title: t("quality.source"),
      width: 220,
      value: (r) => sources.nameOf(r.source),
    },
    {
      key: "score",
      title: t("quality.score"),
      help: t("quality.scoreHelp"),
      width: 110,
      align: "right",
      value: (r) => r.now.score,
      render: (r) => <Score value={r.now.score} />,
    },
    {
      key: "state",
      title: t("quality.state"),
      width: 130,
      value: (r) => r.alarms,
      render: (r) =>
        r.alarms > 0 ? (
          <Pill tone="bad" dot>
            {t("quality.alarmsOpen", { count: r.alarms, n: format.num(r.alarms) })}
          </Pill>
        ) : (
          <Pill tone="good" dot>
            {t("quality.asUsual")}
          </Pill>
        ),
    },
    ...parts.map(
      (part): Column<Row> => ({
        key: part,
        title: t(`quality.parts.${part}`),
        help: t(`quality.partsHelp.${part}`),
        width: 96,
        align: "right",
        value: (r) => r.now.parts[part],
        render: (r) => <Part value={r.now.parts[part]} />,
      }),
    ),
    {
      key: "events",
      title: t("quality.eventsPerMinute"),
      width: 110,
      align: "right",
      value: (r) => r.now.events,
      render: (r) => <Num value={r.now.events} />,
    },
    {
      key: "day",
      title: t("quality.lastDay"),
      width: 120,
      sortable: false,
      value: (r) => r.hours.map((h) => h.score).join(" "),
      render: (r) =>
        r.hours.length > 1 ? (
          <Sparkline values={r.hours.map((h) => h.score)} label={t("quality.lastDay")} />
        ) : (
          <span className="muted">–</span>
        ),
    },
  ];

  return (
    <div className="page">
      <PageHeader title={t("quality.title")} about={t("quality.about")} />
      <div className="stack">
        <Alarms query={alarms} />
        <DataTable
          id="quality"
          label={t("quality.title")}
          columns={columns}
          rows={rows}
          rowKey={(r) => r.source}
          loading={query.isPending}
          error={query.error}
          onRetry={() => void query.refetch()}
          onOpen={(r) => setSearch({ source: r.source }, "push")}
          empty={
            <EmptyState icon={<HeartPulse />} title={t("quality.empty")} hint={t("quality.emptyHint")} />
          }
        />
      </div>
      <DetailDrawer
        open={openId !== undefined}
        onClose={() => setSearch({ source: undefined })}
        title={openId ? sources.nameOf(openId) : ""}
        width={620}
      >
        {openId && <ScoreDrawer source={openId} />}
      </DetailDrawer>
      <DetailDrawer
        open={impact !== undefined}
        onClose={() => setSearch({ impact: undefined })}
        title={t("lineage.impact")}
        width={560}
      >
        {impact && <Impact alarm={impact} />}
      </DetailDrawer>
    </div>
  );
}

/** The newest minute of each source, with its hours and open alarms; the worst first. */
function rowsOf(
  minutes: readonly QualityScore[] | undefined,
  hours: readonly QualityScore[] | undefined,
  alarms: readonly { source: string; closed_at: string | null }[],
): Row[] | undefined {
  if (!minutes) return undefined;
  const bySource = new Map<string, Row>();
  for (const m of [...(hours ?? []), ...minutes]) {
    const row = bySource.get(m.source);
    if (row) row.now = m;
    else bySource.set(m.source, { source: m.source, hours: [], now: m, alarms: 0 });
  }
  for (const h of hours ?? []) bySource.get(h.source)?.hours.push(h);
  for (const a of alarms) {
    const row = bySource.get(a.source);
    if (row && a.closed_at === null) row.alarms++;
  }
  return [...bySource.values()].sort((a, b) => a.now.score - b.now.score);
}

function Score({ value }: { value: number }) {
  const format = useFormat();
  const tones: Record<Tone, string> = { plain: "", good: "good", warn: "warn", bad: "bad", gold: "" };
  return (
    <span className="quality-score num" data-tone={tones[tone(value / 100)]}>
      {format.num(value, 1)}
    </span>
  );
}

function Part({ value }: { value: number }) {
  const format = useFormat();
  return (
    <span className={`num ${value >= 0.995 ? "muted" : ""}`}>
      {format.percent(value, value < 0.995 ? 1 : 0)}
    </span>
  );
}
