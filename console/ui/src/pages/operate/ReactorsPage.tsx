import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Zap } from "lucide-react";
import { useTranslation } from "react-i18next";
import { reactorsQuery } from "@/api/queries";
import type { Reactor } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { type Column, DataTable } from "@/components/DataTable";
import { PageHeader } from "@/components/PageHeader";
import { EmptyState } from "@/components/states";
import { useSayText } from "@/i18n/useSayText";
import { useSetSearch } from "@/lib/useSetSearch";
import { ReactorDrawer } from "./ReactorDrawer";
import { ReactorState, useReactorName } from "./reactorParts";

const route = getRouteApi("/shell/reactors");

/** Who acts on what happens: how far each is, whether it fails, what it could not work on. */
export function ReactorsPage() {
  const { t } = useTranslation();
  const format = useFormat();
  const { reactor } = route.useSearch();
  const setSearch = useSetSearch();
  const nameOf = useReactorName();
  const say = useSayText();
  const list = useQuery({ ...reactorsQuery, refetchInterval: 5_000 });
  const columns: Column<Reactor>[] = [
    {
      key: "name",
      title: t("operate.reactors.name"),
      width: 160,
      value: (r) => nameOf(r.name),
      render: (r) => <b title={r.name}>{nameOf(r.name)}</b>,
    },
    {
      key: "state",
      title: t("operate.reactors.stateTitle"),
      width: 120,
      value: (r) => t(`operate.reactors.state.${r.state}`),
      render: (r) => <ReactorState reactor={r} />,
    },
    {
      key: "waiting",
      title: t("operate.reactors.waiting"),
      help: t("operate.reactors.waitingHelp"),
      width: 110,
      align: "right",
      value: (r) => r.waiting,
      render: (r) => format.num(r.waiting),
    },
    {
      key: "lag",
      title: t("operate.reactors.lag"),
      help: t("operate.reactors.lagHelp"),
      width: 120,
      align: "right",
      value: (r) => r.lag_seconds,
      render: (r) => (r.waiting > 0 ? format.duration(r.lag_seconds) : "–"),
    },
    {
      key: "dead",
      title: t("operate.reactors.dead"),
      help: t("operate.reactors.deadHelp"),
      width: 120,
      align: "right",
      value: (r) => r.dead_letters,
      render: (r) => format.num(r.dead_letters),
    },
    {
      key: "dropped",
      title: t("operate.reactors.dropped"),
      help: t("operate.reactors.droppedHelp"),
      width: 110,
      align: "right",
      value: (r) => r.dropped,
      render: (r) => format.num(r.dropped),
    },
    {
      key: "passed",
      title: t("operate.reactors.passed"),
      optional: true,
      width: 120,
      align: "right",
      value: (r) => r.passed,
      render: (r) => format.num(r.passed),
    },
    {
      key: "error",
      title: t("operate.reactors.error"),
      width: 320,
      value: (r) => r.error,
      render: (r) => (
        <span className="ellipsis muted" title={say(r.error_text, r.error)}>
          {say(r.error_text, r.error) || "–"}
        </span>
      ),
    },
  ];
  return (
    <div className="page">
      <PageHeader title={t("operate.reactors.title")} about={t("operate.reactors.about")} />
      <DataTable
        id="reactors"
        label={t("operate.reactors.title")}
        columns={columns}
        rows={list.data?.items}
        loading={list.isPending}
        error={list.error}
        onRetry={() => void list.refetch()}
        rowKey={(r) => r.name}
        onOpen={(r) => setSearch({ reactor: r.name }, "push")}
        openKey={reactor}
        empty={
          <EmptyState
            icon={<Zap />}
            title={t("operate.reactors.empty")}
            hint={t("operate.reactors.emptyHint")}
          />
        }
      />
      <ReactorDrawer
        name={reactor}
        reactors={list.data?.items}
        onClose={() => setSearch({ reactor: undefined })}
      />
    </div>
  );
}
