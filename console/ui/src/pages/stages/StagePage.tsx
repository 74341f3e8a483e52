import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Segmented, Select, Tabs } from "antd";
import { Pencil } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { useMay } from "@/app/session";
import { ConfirmButton } from "@/components/ConfirmButton";
import { type Column, DataTable } from "@/components/DataTable";
import { LinkButton } from "@/components/LinkButton";
import { PageHeader } from "@/components/PageHeader";
import { PersonLink } from "@/components/PersonLink";
import { RelativeTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { usePages } from "@/lib/usePages";
import { useSetSearch } from "@/lib/useSetSearch";
import { useWrite } from "@/lib/useWrite";
import { Course } from "./Course";
import { Funnel } from "./Funnel";
import { type Cycle, cycleQuery, cyclesQuery, reportQuery, type Span, spansQuery } from "./queries";
import { CycleState } from "./StagesPage";
import { periods, views } from "./search";
import { Versions } from "./Versions";
import "./stages.css";

const route = getRouteApi("/shell/stages/$id");

/** A life cycle: its funnel, its course, who moved and why, and its versions. */
export function StagePage() {
  const { t } = useTranslation();
  const { id } = route.useParams();
  const { days = "90", tab = "funnel" } = route.useSearch();
  const setSearch = useSetSearch();
  const query = useQuery(cycleQuery(id));
  const cycle = query.data;
  if (query.error && !cycle)
    return (
      <div className="page">
        <PageHeader title={t("stages.one")} />
        <div className="card">
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        </div>
      </div>
    );
  if (!cycle) return <div className="page" aria-busy="true" />;
  const timed = tab === "funnel" || tab === "course";
  return (
    <div className="page">
      <PageHeader
        title={cycle.name}
        about={
          <span className="row">
            <CycleState cycle={cycle} />
            <code>stage.{cycle.key}</code>
            {cycle.description}
          </span>
        }
        actions={<Actions cycle={cycle} />}
      />
      {cycle.failure && <p role="alert">{cycle.failure}</p>}
      <Tabs
        className="stage-tabs"
        activeKey={tab}
        onChange={(key) => setSearch({ tab: key })}
        items={views.map((key) => ({ key, label: t(`stages.tabs.${key}`) }))}
        tabBarExtraContent={
          timed && (
            <Segmented
              aria-label={t("stages.period")}
              value={days}
              onChange={(v) => setSearch({ days: v })}
              options={periods.map((value) => ({ value, label: t("stages.days", { count: Number(value) }) }))}
            />
          )
        }
      />
      {timed && <Report cycle={cycle} days={Number(days)} tab={tab} />}
      {tab === "moves" && <Moves cycle={cycle} />}
      {tab === "versions" && <Versions cycle={cycle} />}
    </div>
  );
}

function Report({ cycle, days, tab }: { cycle: Cycle; days: number; tab: "funnel" | "course" }) {
  const query = useQuery(reportQuery(cycle.id, days));
  if (query.error && !query.data)
    return (
      <div className="card">
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      </div>
    );
  if (!query.data) return <div className="card card-pad" aria-busy="true" style={{ minHeight: 320 }} />;
  return tab === "funnel" ? (
    <Funnel cycle={cycle} report={query.data} days={days} />
  ) : (
    <Course report={query.data} />
  );
}

function Actions({ cycle }: { cycle: Cycle }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const client = useQueryClient();
  const may = useMay("stages:write");
  const remove = useWrite({
    mutationFn: () =>
      data(
        api.DELETE("/api/v1/stages/{id}", {
          params: { path: { id: cycle.id }, header: idempotencyKey() },
        }),
      ),
    onSuccess: async () => {
      await navigate({ to: "/stages" });
      await client.invalidateQueries({ queryKey: cyclesQuery.queryKey });
    },
  });
  if (!may) return null;
  return (
    <>
      <ConfirmButton
        does="delete"
        title={t("stages.deleteTitle", { name: cycle.name })}
        text={t("stages.deleteText", { trait: `stage.${cycle.key}` })}
        ok={t("stages.delete")}
        run={() => remove.mutateAsync()}
        pending={remove.isPending}
      >
        {t("stages.delete")}
      </ConfirmButton>
      <LinkButton to="/stages/$id/edit" params={{ id: cycle.id }} primary icon={<Pencil size={14} />}>
        {t("stages.edit")}
      </LinkButton>
    </>
  );
}

/** Stages by key: what they are called. */
export function useStageNames(cycle: Cycle): (key: string) => string {
  const { t } = useTranslation();
  const { stages, lost } = cycle.definition;
  return (key) =>
    key === ""
      ? t("stages.none")
      : (stages.find((s) => s.key === key)?.name ?? (lost?.key === key ? lost.name : key));
}

/** Who came into which stage, when and why. */
function Moves({ cycle }: { cycle: Cycle }) {
  const { t } = useTranslation();
  const { stage } = route.useSearch();
  const setSearch = useSetSearch();
  const name = useStageNames(cycle);
  const query = useInfiniteQuery(spansQuery(cycle.id, stage, stage !== undefined));
  const columns: Column<Span>[] = [
    {
      key: "person",
      title: t("stages.person"),
      width: 190,
      value: (x) => x.line.name ?? x.person,
      render: (x) => <PersonLink person={x.line} avatar />,
      sortable: false,
    },
    { key: "stage", title: t("stages.stage"), width: 150, value: (x) => name(x.stage), sortable: false },
    { key: "from", title: t("stages.from"), width: 150, value: (x) => name(x.from), sortable: false },
    {
      key: "began",
      title: t("stages.since"),
      width: 130,
      value: (x) => x.began,
      render: (x) => <RelativeTime at={x.began} />,
      time: true,
      sortable: false,
    },
    {
      key: "why",
      title: t("stages.why"),
      width: 260,
      value: (x) => t(`stages.because.${x.reason.why}`, { stage: name(x.reason.stage) }),
      sortable: false,
    },
  ];
  const { stages, lost } = cycle.definition;
  return (
    <DataTable
      id="stage-moves"
      label={t("stages.tabs.moves")}
      columns={columns}
      rowKey={(x) => `${x.person} ${x.began} ${x.stage}`}
      ofPeople
      filters={
        <Select
          aria-label={t("stages.inStage")}
          style={{ minWidth: 200 }}
          value={stage ?? "*"}
          onChange={(v) => setSearch({ stage: v === "*" ? undefined : v })}
          options={[
            { value: "*", label: t("stages.allMoves") },
            ...[...stages, ...(lost ? [lost] : [])].map((s) => ({
              value: s.key,
              label: t("stages.nowIn", { stage: s.name }),
            })),
          ]}
        />
      }
      {...usePages(query)}
    />
  );
}
