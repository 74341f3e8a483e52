import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Zap } from "lucide-react";
import { useTranslation } from "react-i18next";
import { reactorsQuery } from "@/api/queries";
import type { Reactor } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { type Column, DataTable } from "@/components/DataTable";
import { Pill, type Tone } from "@/components/Pill";
import { EmptyState } from "@/components/states";
import { useSetSearch } from "@/lib/useSetSearch";
import { ReactorDrawer } from "./ReactorDrawer";

const route = getRouteApi("/shell/settings");

const tones: Record<Reactor["state"], Tone> = {
  idle: "good",
  working: "plain",
  failing: "bad",
  stopped: "bad",
  gone: "warn",
};

/** Known reactors have a name in the reader's language; others are shown as they are. */
export function useReactorName(): (name: string) => string {
  const { t, i18n } = useTranslation();
  return (name) => {
    const key = `settings.reactors.names.${name}`;
    return i18n.exists(key) ? (t as (k: string) => string)(key) : name;
  };
}

export function ReactorState({ reactor }: { reactor: Reactor }) {
  const { t } = useTranslation();
  return <Pill tone={tones[reactor.state]}>{t(`settings.reactors.state.${reactor.state}`)}</Pill>;
}

/** Who acts on what happens: how far each is, whether it fails, what it could not work on. */
export function Reactors() {
  const { t } = useTranslation();
  const format = useFormat();
  const { reactor } = route.useSearch();
  const setSearch = useSetSearch();
  const nameOf = useReactorName();
  const list = useQuery({ ...reactorsQuery, refetchInterval: 5_000 });
  const columns: Column<Reactor>[] = [
    {
      key: "name",
      title: t("settings.reactors.name"),
      width: 160,
      value: (r) => nameOf(r.name),
      render: (r) => <b title={r.name}>{nameOf(r.name)}</b>,
    },
    {
      key: "state",
      title: t("settings.reactors.stateTitle"),
      width: 120,
      value: (r) => t(`settings.reactors.state.${r.state}`),
      render: (r) => <ReactorState reactor={r} />,
    },
    {
      key: "waiting",
      title: t("settings.reactors.waiting"),
      help: t("settings.reactors.waitingHelp"),
      width: 110,
      align: "right",
      value: (r) => r.waiting,
      render: (r) => format.num(r.waiting),
    },
    {
      key: "lag",
      title: t("settings.reactors.lag"),
      help: t("settings.reactors.lagHelp"),
      width: 120,
      align: "right",
      value: (r) => r.lag_seconds,
      render: (r) => (r.waiting > 0 ? format.duration(r.lag_seconds) : "–"),
    },
    {
      key: "dead",
      title: t("settings.reactors.dead"),
      help: t("settings.reactors.deadHelp"),
      width: 120,
      align: "right",
      value: (r) => r.dead_letters,
      render: (r) => format.num(r.dead_letters),
    },
    {
      key: "dropped",
      title: t("settings.reactors.dropped"),
      help: t("settings.reactors.droppedHelp"),
      width: 110,
      align: "right",
      value: (r) => r.dropped,
      render: (r) => format.num(r.dropped),
    },
    {
      key: "passed",
      title: t("settings.reactors.passed"),
      optional: true,
      width: 120,
      align: "right",
      value: (r) => r.passed,
      render: (r) => format.num(r.passed),
    },
    {
      key: "error",
      title: t("settings.reactors.error"),
      width: 320,
      value: (r) => r.error,
      render: (r) => (
        <span className="ellipsis muted" title={r.error}>
          {r.error || "–"}
        </span>
      ),
    },
  ];
  return (
    <>
      <p className="muted">{t("settings.reactors.about")}</p>
      <DataTable
        id="reactors"
        label={t("settings.tabs.reactors")}
        columns={columns}
        rows={list.data?.items}
        loading={list.isPending}
        error={list.error}
        onRetry={() => void list.refetch()}
        rowKey={(r) => r.name}
        onOpen={(r) => setSearch({ reactor: r.name })}
        openKey={reactor}
        empty={
          <EmptyState
            icon={<Zap />}
            title={t("settings.reactors.empty")}
            hint={t("settings.reactors.emptyHint")}
          />
        }
      />
      <ReactorDrawer
        name={reactor}
        reactors={list.data?.items}
        onClose={() => setSearch({ reactor: undefined })}
      />
    </>
  );
}
