import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Dropdown, Segmented } from "antd";
import { ExternalLink } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { type Column, DataTable } from "@/components/DataTable";
import { Named } from "@/components/Named";
import { Num } from "@/components/Num";
import { RelativeTime } from "@/components/RelativeTime";
import { Sparkline } from "@/components/Sparkline";
import { EmptyState } from "@/components/states";
import { useLabels } from "@/lib/labels";
import { useSetSearch } from "@/lib/useSetSearch";
import { useSources } from "@/lib/useSources";
import { hourly } from "./hours";
import { ActionPill } from "./parts";
import { type Breach, breachesQuery, type Plan } from "./queries";
import { type Span, spans } from "./search";
import { usePlanWords } from "./words";

const route = getRouteApi("/shell/plans/$id");

/** What events of the plan's sources broke, and what became of them. */
export function BreachesTab({ plan }: { plan: Plan }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const words = usePlanWords();
  const { nameOf } = useSources();
  const { hours = "24" } = route.useSearch();
  const setSearch = useSetSearch();
  const query = useQuery(breachesQuery(plan.id, Number(hours)));
  const rows = query.data?.breaches;
  const since = query.data?.since;
  const columns: Column<Breach>[] = [
    {
      key: "event",
      title: t("plans.event"),
      width: 170,
      value: (b) => (b.event === "…" ? t("plans.manyEvents") : labels.event(b.event)),
      render: (b) => (b.event === "…" ? t("plans.manyEvents") : <Named sort="event" name={b.event} />),
    },
    {
      key: "path",
      title: t("plans.property"),
      width: 120,
      value: (b) => b.path || undefined,
      render: (b) => (b.path ? <Named sort="property" name={b.path} code /> : "–"),
    },
    { key: "rule", title: t("plans.breach"), width: 130, value: (b) => words.rule(b.rule) },
    {
      key: "wanted",
      title: t("plans.wantedTitle"),
      width: 110,
      value: (b) => (b.wanted ? words.wanted(b.wanted) : undefined),
    },
    {
      key: "action",
      title: t("plans.becomesTitle"),
      width: 110,
      value: (b) => words.action(b.action),
      render: (b) => <ActionPill action={b.action} />,
    },
    {
      key: "source",
      title: t("plans.source"),
      optional: true,
      width: 110,
      value: (b) => nameOf(b.source),
    },
    {
      key: "hours",
      title: t("plans.byHour"),
      width: 110,
      sortable: false,
      value: (b) => b.hours.map((h) => h.count).join(" "),
      render: (b) => (
        <Sparkline
          values={since ? hourly(b.hours, since, Number(hours)) : []}
          width={86}
          label={`${t("plans.byHour")}: ${b.hours.map((h) => `${format.dateTime(h.hour)} ${h.count}`).join(", ")}`}
        />
      ),
    },
    {
      key: "count",
      title: t("plans.eventCount"),
      width: 90,
      align: "right",
      value: (b) => b.count,
      render: (b) => <Num value={b.count} />,
    },
    {
      key: "last",
      title: t("plans.last"),
      width: 100,
      align: "right",
      value: (b) => b.last_at,
      time: true,
      render: (b) => <RelativeTime at={b.last_at} />,
    },
    {
      key: "links",
      title: t("plans.lookAt"),
      width: 70,
      sortable: false,
      value: () => "",
      csv: () => [],
      render: (b) => <Links breach={b} />,
    },
  ];
  return (
    <DataTable
      id="plan-breaches"
      label={t("plans.tabs.breaches")}
      columns={columns}
      rows={rows}
      rowKey={(b) => `${b.source} ${b.event} ${b.path} ${b.rule} ${b.action}`}
      loading={query.isPending}
      error={query.error}
      onRetry={() => void query.refetch()}
      defaultSort="-count"
      filters={
        <Segmented<Span>
          aria-label={t("plans.span")}
          value={hours}
          onChange={(h) => setSearch({ hours: h === "24" ? undefined : h })}
          options={spans.map((h) => ({ value: h, label: t(`plans.spans.${h}`) }))}
        />
      }
      empty={
        <EmptyState
          title={t("plans.noBreaches")}
          hint={t(plan.live ? "plans.noBreachesHint" : "plans.notLiveHint")}
        />
      }
    />
  );
}

/** Where the events are that broke it. Whoever was set aside is in quarantine. */
function Links({ breach }: { breach: Breach }) {
  const { t } = useTranslation();
  const aside = breach.action === "quarantine" || breach.action === "reject";
  const many = breach.event === "…";
  return (
    <Dropdown
      trigger={["click"]}
      menu={{
        items: [
          ...(aside
            ? [
                {
                  key: "quarantine",
                  label: (
                    <Link
                      to="/collect/quarantine"
                      search={{
                        code: "tracking_plan",
                        source: breach.source,
                        ...(many ? {} : { q: breach.event }),
                      }}
                    >
                      {t("plans.toQuarantine")}
                    </Link>
                  ),
                },
              ]
            : []),
          {
            key: "debugger",
            label: (
              <Link
                to="/collect/debugger"
                search={{ source: breach.source, ...(many ? {} : { q: breach.event }) }}
              >
                {t("plans.toDebugger")}
              </Link>
            ),
          },
          ...(many
            ? []
            : [
                {
                  key: "catalogue",
                  label: (
                    <Link to="/collect/catalogue" search={{ event: breach.event }}>
                      {t("plans.toCatalogue")}
                    </Link>
                  ),
                },
              ]),
        ],
      }}
    >
      <button type="button" className="icon-button" aria-label={t("plans.lookAt")}>
        <ExternalLink size={14} />
      </button>
    </Dropdown>
  );
}
