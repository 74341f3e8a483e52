import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Milestone, Plus, Shapes } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useMay } from "@/app/session";
import { type Column, DataTable } from "@/components/DataTable";
import { LinkButton } from "@/components/LinkButton";
import { PageHeader } from "@/components/PageHeader";
import { Pill } from "@/components/Pill";
import { EmptyState } from "@/components/states";
import { type Cycle, cyclesQuery } from "./queries";
import "./stages.css";

/** Life cycles: ordered stages that people come into. */
export function StagesPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const may = useMay("stages:write");
  const query = useQuery(cyclesQuery);
  const columns: Column<Cycle>[] = [
    { key: "name", title: t("stages.name"), width: 200, value: (x) => x.name },
    {
      key: "stages",
      title: t("stages.stages"),
      width: 360,
      value: (x) => x.definition.stages.length,
      render: (x) => x.definition.stages.map((s) => s.name).join(" → "),
    },
    {
      key: "state",
      title: t("stages.state"),
      width: 120,
      value: (x) => x.serving,
      render: (x) => <CycleState cycle={x} />,
    },
    {
      key: "key",
      title: t("stages.trait"),
      width: 160,
      value: (x) => `stage.${x.key}`,
      render: (x) => <code>stage.{x.key}</code>,
    },
    { key: "owner", title: t("stages.owner"), width: 120, value: (x) => x.owner },
  ];
  const make = may && (
    <>
      <LinkButton to="/stages/templates" icon={<Shapes size={16} />}>
        {t("stages.templates")}
      </LinkButton>
      <LinkButton to="/stages/new" primary icon={<Plus size={16} />}>
        {t("stages.create")}
      </LinkButton>
    </>
  );
  return (
    <div className="page">
      <PageHeader title={t("stages.title")} about={t("stages.about")} actions={make} />
      <DataTable
        id="stages"
        label={t("stages.title")}
        columns={columns}
        rows={query.data?.items}
        rowKey={(x) => x.id}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        onOpen={(x) => void navigate({ to: "/stages/$id", params: { id: x.id } })}
        empty={
          <EmptyState
            icon={<Milestone />}
            title={t("stages.empty")}
            hint={t("stages.emptyHint")}
            action={make && <div className="row">{make}</div>}
          />
        }
      />
    </div>
  );
}

/** Whether its rules decide. */
export function CycleState({ cycle }: { cycle: Cycle }) {
  const { t } = useTranslation();
  if (cycle.failure) return <Pill tone="bad">{t("stages.states.failed")}</Pill>;
  if (cycle.version !== cycle.serving) return <Pill tone="warn">{t("stages.states.building")}</Pill>;
  return <Pill tone="good">{t("stages.states.serving", { version: cycle.serving })}</Pill>;
}
