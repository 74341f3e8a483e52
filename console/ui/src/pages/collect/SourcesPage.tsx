import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Button } from "antd";
import { Plug, Plus } from "lucide-react";
import { useTranslation } from "react-i18next";
import { sourcesQuery } from "@/api/queries";
import type { Source } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { ChannelIcon } from "@/components/ChannelIcon";
import { type Column, DataTable } from "@/components/DataTable";
import { Num } from "@/components/Num";
import { PageHeader } from "@/components/PageHeader";
import { Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { SearchField } from "@/components/SearchField";
import { EmptyState } from "@/components/states";
import { useSetSearch } from "@/lib/useSetSearch";
import { NewSourceDrawer } from "./NewSourceDrawer";
import { SourceDrawer } from "./SourceDrawer";
import { sourceStatus } from "./sourceStatus";
import "./collect.css";

const route = getRouteApi("/shell/collect/sources");

export function SourcesPage() {
  const { t } = useTranslation();
  const format = useFormat();
  const { source: openId, create, q = "" } = route.useSearch();
  const setSearch = useSetSearch();
  const mayCreate = useMay("sources:write");
  const query = useQuery({ ...sourcesQuery, refetchInterval: 10_000 });
  const sources = query.data?.items;
  const shown = sources?.filter((s) => !q || `${s.name} ${s.id}`.toLowerCase().includes(q.toLowerCase()));

  const columns: Column<Source>[] = [
    {
      key: "name",
      title: t("collect.sources.name"),
      width: 240,
      value: (s) => s.name,
      render: (s) => (
        <span className="source-name">
          <ChannelIcon channel={s.kind} />
          <span className="ellipsis" title={s.name}>
            {s.name}
          </span>
        </span>
      ),
    },
    { key: "kind", title: t("collect.sources.kind"), width: 140, value: (s) => t(`collect.kinds.${s.kind}`) },
    {
      key: "status",
      title: t("collect.sources.status"),
      width: 164,
      value: (s) => t(`collect.sources.${sourceStatus(s)}`),
      render: (s) => <SourceStatus source={s} />,
    },
    {
      key: "accepted",
      title: t("collect.sources.accepted"),
      help: t("collect.sources.acceptedHelp"),
      width: 130,
      align: "right",
      value: (s) => s.accepted,
      render: (s) => <Num value={s.accepted} />,
    },
    {
      key: "quarantined",
      title: t("collect.sources.quarantined"),
      help: t("collect.sources.quarantinedHelp"),
      width: 120,
      align: "right",
      value: (s) => s.quarantined,
      render: (s) =>
        s.quarantined > 0 ? (
          <Link to="/collect/quarantine" search={{ source: s.id }} className="door">
            <Num value={s.quarantined} />
          </Link>
        ) : (
          <span className="muted">0</span>
        ),
    },
    {
      key: "limit",
      title: t("collect.sources.limit"),
      width: 110,
      align: "right",
      optional: true,
      value: (s) => s.rate_limit,
      render: (s) =>
        s.rate_limit > 0 ? (
          t("collect.sources.limitValue", { n: format.num(s.rate_limit) })
        ) : (
          <span className="muted">{t("collect.sources.noLimit")}</span>
        ),
    },
    {
      key: "last",
      title: t("collect.sources.lastEvent"),
      width: 130,
      align: "right",
      value: (s) => s.last_event_at,
      time: true,
      render: (s) => <RelativeTime at={s.last_event_at} />,
    },
    {
      key: "created",
      title: t("collect.sources.created"),
      width: 130,
      align: "right",
      optional: true,
      value: (s) => s.created_at,
      time: true,
      render: (s) => <RelativeTime at={s.created_at} />,
    },
  ];

  const createButton = mayCreate && (
    <Button type="primary" icon={<Plus size={14} />} onClick={() => setSearch({ create: true }, "push")}>
      {t("collect.sources.create")}
    </Button>
  );
  return (
    <div className="page">
      <PageHeader
        title={t("collect.sources.title")}
        about={t("collect.sources.about")}
        // An empty list offers it itself.
        actions={query.data?.items.length !== 0 && createButton}
      />
      <DataTable
        id="sources"
        label={t("collect.sources.title")}
        columns={columns}
        rows={shown}
        rowKey={(s) => s.id}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        onOpen={(s) => setSearch({ source: s.id }, "push")}
        openKey={openId}
        filters={
          sources &&
          sources.length > 0 && (
            <SearchField
              value={q}
              onSearch={(text) => setSearch({ q: text })}
              placeholder={t("collect.sources.search")}
            />
          )
        }
        empty={
          q ? (
            <EmptyState title={t("collect.sources.none", { q })} hint={t("table.emptyHint")} />
          ) : (
            <EmptyState
              icon={<Plug />}
              title={t("collect.sources.empty")}
              hint={t("collect.sources.emptyHint")}
              action={createButton}
            />
          )
        }
      />
      <SourceDrawer
        id={query.error ? undefined : openId}
        sources={sources}
        onClose={() => setSearch({ source: undefined })}
      />
      <NewSourceDrawer
        open={create === true && mayCreate}
        onClose={() => setSearch({ create: undefined })}
        onCreated={(s) => setSearch({ create: undefined, source: s.id })}
      />
    </div>
  );
}

function SourceStatus({ source }: { source: Source }) {
  const { t } = useTranslation();
  const status = sourceStatus(source);
  return (
    <Pill dot tone={status === "receiving" ? "good" : "plain"}>
      {t(`collect.sources.${status}`)}
    </Pill>
  );
}
