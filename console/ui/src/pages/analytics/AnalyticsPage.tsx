import { getRouteApi } from "@tanstack/react-router";
import { Tabs } from "antd";
import { ChartNoAxesCombined } from "lucide-react";
import { lazy, Suspense, useCallback, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { Refused } from "@/app/Refused";
import { useMay } from "@/app/session";
import { useEvents } from "@/components/conditions/useEvents";
import { LinkButton } from "@/components/LinkButton";
import { PageHeader } from "@/components/PageHeader";
import { EmptyState, ErrorState } from "@/components/states";
import { compact } from "@/lib/search";
import { useDraft } from "@/lib/useDraft";
import { useSetSearch } from "@/lib/useSetSearch";
import { FilterBar } from "./FilterBar";
import { type Frame, FrameProvider } from "./frame";
import { type Kind, kinds, type Question, questionKeys, resolveRange } from "./question";
import "./analytics.css";

const TrendTab = lazy(() => import("./TrendTab").then((m) => ({ default: m.TrendTab })));
const FunnelTab = lazy(() => import("./FunnelTab").then((m) => ({ default: m.FunnelTab })));
const RetentionTab = lazy(() => import("./RetentionTab").then((m) => ({ default: m.RetentionTab })));
const SqlTab = lazy(() => import("./SqlTab").then((m) => ({ default: m.SqlTab })));

const route = getRouteApi("/shell/analytics");
const tabs = { trend: TrendTab, funnel: FunnelTab, retention: RetentionTab, sql: SqlTab };

/** Only the question; the open drawer and the table's order are in the address too, but are not part of it. */
function questionOf(search: object): Question {
  const all = search as Record<string, unknown>;
  return compact(Object.fromEntries(questionKeys.map((k) => [k, all[k]]))) as Question;
}

export function AnalyticsPage() {
  const { t } = useTranslation();
  const format = useFormat();
  const setSearch = useSetSearch();
  const search = route.useSearch();
  const fromAddress = useMemo(() => questionOf(search), [search]);
  const [q, setQ] = useDraft(
    fromAddress,
    useCallback(
      (next: Question) => setSearch(Object.fromEntries(questionKeys.map((k) => [k, next[k]]))),
      [setSearch],
    ),
  );
  const { items: events, pending, error, retry, since, until } = useEvents();
  const today = format.dayKey(Date.now());
  const frame = useMemo<Frame>(
    () => ({
      q,
      set: (change) => setQ(compact({ ...q, ...change })),
      range: resolveRange(q.range, format.timeZone, today, since && format.dayKey(since)),
      events,
      since,
      until,
    }),
    [q, setQ, format, today, events, since, until],
  );
  const maySql = useMay("sql:run");
  const tab: Kind = q.tab ?? "trend";
  const forbidden = tab === "sql" && !maySql;
  const Tab = tabs[tab];
  const nothing = !pending && !error && events.length === 0;

  return (
    <div className="page">
      <PageHeader title={t("analytics.title")} about={t("analytics.about")} />
      <Tabs
        activeKey={forbidden ? "" : tab}
        onChange={(key) => {
          frame.set({ tab: key === "trend" ? undefined : (key as Kind) });
          setSearch({ sort: undefined });
        }}
        items={kinds
          .filter((key) => key !== "sql" || maySql)
          .map((key) => ({ key, label: t(`analytics.tabs.${key}`) }))}
      />
      <FrameProvider value={frame}>
        {forbidden ? (
          <Refused needed="sql:run" />
        ) : error && tab !== "sql" ? (
          <div className="card">
            <ErrorState error={error} onRetry={retry} />
          </div>
        ) : nothing && tab !== "sql" ? (
          <div className="card">
            <EmptyState
              icon={<ChartNoAxesCombined />}
              title={t("analytics.noEvents")}
              hint={t("analytics.noEventsHint")}
              action={
                <LinkButton to="/collect/sources" primary>
                  {t("analytics.noEventsAction")}
                </LinkButton>
              }
            />
          </div>
        ) : (
          <>
            {tab !== "sql" && <FilterBar />}
            <Suspense fallback={<div className="analytics-wait" aria-busy="true" />}>
              <Tab />
            </Suspense>
          </>
        )}
      </FrameProvider>
    </div>
  );
}
