import { useQueries, useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Button } from "antd";
import { ClipboardCheck, FileInput, Plus, Radar, Table2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useMay } from "@/app/session";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { Num } from "@/components/Num";
import { PageHeader } from "@/components/PageHeader";
import { RelativeTime } from "@/components/RelativeTime";
import { SearchField } from "@/components/SearchField";
import { EmptyState } from "@/components/states";
import { useSetSearch } from "@/lib/useSetSearch";
import { NewPlan } from "./NewPlan";
import { StatePill, useSourceNames } from "./parts";
import { breachesQuery, type Plan, plansQuery } from "./queries";
import type { Beginning } from "./search";
import { usePlanWords } from "./words";
import "./plans.css";

const route = getRouteApi("/shell/plans");

/** All tracking plans: what they hold for, and how much of what comes in breaks them. */
export function PlansPage() {
  const { t } = useTranslation();
  const { create, q = "" } = route.useSearch();
  const setSearch = useSetSearch();
  const navigate = useNavigate();
  const may = useMay("plans:write");
  const words = usePlanWords();
  const names = useSourceNames();
  const query = useQuery(plansQuery);
  const plans = query.data?.items;
  const live = plans?.filter((p) => p.live) ?? [];
  const checks = useQueries({ queries: live.map((p) => breachesQuery(p.id, 24)) });
  const sums = new Map(live.map((p, i) => [p.id, sumOf(checks[i]?.data?.checks)]));
  const shown = plans?.filter((p) => !q || `${p.name} ${p.id}`.toLowerCase().includes(q.toLowerCase()));

  const columns: Column<Plan>[] = [
    { key: "name", title: t("plans.name"), width: 240, value: (p) => p.name },
    {
      key: "state",
      title: t("plans.stateTitle"),
      width: 150,
      value: (p) => t(`plans.state.${words.state(p).key}`),
      render: (p) => <StatePill plan={p} />,
    },
    {
      key: "sources",
      title: t("plans.sources"),
      width: 220,
      value: (p) => names(p.sources),
      render: (p) => (
        <span className="ellipsis" title={names(p.sources)}>
          {names(p.sources)}
        </span>
      ),
    },
    figure("events", (p) => p.events, t("plans.events"), 90),
    figure("revision", (p) => p.revision || undefined, t("plans.revision"), 90),
    {
      ...figure("checked", (p) => sums.get(p.id)?.events, t("plans.checked"), 120),
      help: t("plans.checkedHelp"),
    },
    {
      ...figure("broken", (p) => sums.get(p.id)?.broken, t("plans.broken"), 120),
      help: t("plans.brokenHelp"),
    },
    {
      key: "updated",
      title: t("plans.updated"),
      width: 110,
      align: "right",
      value: (p) => p.updated_at,
      time: true,
      render: (p) => <RelativeTime at={p.updated_at} />,
    },
  ];
  const begin = (from: Beginning) => setSearch({ create: from }, "push");
  return (
    <div className="page">
      <PageHeader
        title={t("plans.title")}
        about={t("plans.about")}
        actions={
          may &&
          plans?.length !== 0 && (
            <Button type="primary" icon={<Plus size={14} />} onClick={() => begin("observed")}>
              {t("plans.create")}
            </Button>
          )
        }
      />
      <DataTable
        id="plans"
        label={t("plans.title")}
        columns={columns}
        rows={shown}
        rowKey={(p) => p.id}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        onOpen={(p) => void navigate({ to: "/plans/$id", params: { id: p.id } })}
        filters={
          plans &&
          plans.length > 0 && (
            <SearchField
              value={q}
              onSearch={(text) => setSearch({ q: text })}
              placeholder={t("plans.search")}
            />
          )
        }
        empty={
          q ? (
            <EmptyState title={t("plans.none", { q })} hint={t("table.emptyHint")} />
          ) : (
            <EmptyState
              icon={<ClipboardCheck />}
              title={t("plans.empty")}
              hint={t("plans.emptyHint")}
              action={may && <Beginnings onBegin={begin} />}
            />
          )
        }
      />
      <DetailDrawer
        open={create !== undefined && may}
        onClose={() => setSearch({ create: undefined })}
        title={t("plans.create")}
        width={560}
      >
        <NewPlan
          from={create ?? "observed"}
          onFrom={(from) => setSearch({ create: from })}
          onCancel={() => setSearch({ create: undefined })}
        />
      </DetailDrawer>
    </div>
  );
}

function Beginnings({ onBegin }: { onBegin: (from: Beginning) => void }) {
  const { t } = useTranslation();
  return (
    <div className="row plan-beginnings">
      <Button type="primary" icon={<Radar size={14} />} onClick={() => onBegin("observed")}>
        {t("plans.from.observed")}
      </Button>
      <Button icon={<FileInput size={14} />} onClick={() => onBegin("protocols")}>
        {t("plans.from.protocols")}
      </Button>
      <Button icon={<Table2 size={14} />} onClick={() => onBegin("sensors")}>
        {t("plans.from.sensors")}
      </Button>
    </div>
  );
}

function figure(
  key: string,
  value: (p: Plan) => number | undefined,
  title: string,
  width: number,
): Column<Plan> {
  return {
    key,
    title,
    width,
    align: "right",
    value,
    render: (p) => <Num value={value(p)} />,
  };
}

function sumOf(checks: readonly { events: number; broken: number }[] | undefined) {
  if (!checks) return undefined;
  return {
    events: checks.reduce((n, c) => n + c.events, 0),
    broken: checks.reduce((n, c) => n + c.broken, 0),
  };
}
