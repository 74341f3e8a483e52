import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Button } from "antd";
import { Plus, Webhook as WebhookIcon } from "lucide-react";
import { useTranslation } from "react-i18next";
import { segmentsQuery, webhooksQuery } from "@/api/queries";
import type { Webhook } from "@/api/types";
import { useMay } from "@/app/session";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { Num } from "@/components/Num";
import { PageHeader } from "@/components/PageHeader";
import { RelativeTime } from "@/components/RelativeTime";
import { SearchField } from "@/components/SearchField";
import { EmptyState } from "@/components/states";
import { useSetSearch } from "@/lib/useSetSearch";
import { UpTo } from "./parts";
import { StatusPill, webhookStatus } from "./status";
import { NewWebhook } from "./WebhookForm";
import "./webhooks.css";

const route = getRouteApi("/shell/webhooks");

export function WebhooksPage() {
  const { t } = useTranslation();
  const { create, segment, q = "" } = route.useSearch();
  const setSearch = useSetSearch();
  const navigate = useNavigate();
  const may = useMay("webhooks:write");
  const query = useQuery({ ...webhooksQuery, refetchInterval: 10_000 });
  const segments = useQuery(segmentsQuery).data?.items;
  const webhooks = query.data?.items;
  const shown = webhooks?.filter(
    (w) => !q || `${w.name} ${w.url} ${w.id}`.toLowerCase().includes(q.toLowerCase()),
  );
  const segmentNames = (w: Webhook) =>
    w.segments
      .map((id) =>
        id === "*" ? t("webhooks.allSegments") : (segments?.find((s) => s.id === id)?.name ?? id),
      )
      .join(" · ");

  const columns: Column<Webhook>[] = [
    { key: "name", title: t("webhooks.name"), width: 280, value: (w) => w.name },
    {
      key: "status",
      title: t("webhooks.statusTitle"),
      width: 110,
      value: (w) => t(`webhooks.status.${webhookStatus(w)}`),
      render: (w) => <StatusPill webhook={w} />,
    },
    {
      key: "segments",
      title: t("webhooks.segments"),
      width: 200,
      value: segmentNames,
      render: (w) => (
        <span className="ellipsis" title={segmentNames(w)}>
          {segmentNames(w)}
        </span>
      ),
    },
    {
      key: "url",
      title: t("webhooks.url"),
      width: 300,
      value: (w) => w.url,
      render: (w) => (
        <code className="ellipsis" title={w.url}>
          {w.url.replace(/^https?:\/\//, "")}
        </code>
      ),
    },
    {
      key: "delivered",
      title: t("webhooks.delivered"),
      width: 110,
      align: "right",
      value: (w) => w.queue.delivered,
      render: (w) => <Num value={w.queue.delivered} />,
    },
    {
      key: "waiting",
      title: t("webhooks.waiting"),
      help: t("webhooks.waitingHelp"),
      width: 100,
      align: "right",
      value: (w) => w.queue.waiting,
      render: (w) => <UpTo value={w.queue.waiting} />,
    },
    {
      key: "dead",
      title: t("webhooks.dead"),
      help: t("webhooks.deadHelp"),
      width: 110,
      align: "right",
      value: (w) => w.queue.dead_letters,
      render: (w) => <UpTo value={w.queue.dead_letters} />,
    },
    {
      key: "last",
      title: t("webhooks.lastDelivered"),
      width: 110,
      align: "right",
      value: (w) => w.queue.delivered_at,
      time: true,
      render: (w) => <RelativeTime at={w.queue.delivered_at} />,
    },
  ];

  const createButton = may && (
    <Button type="primary" icon={<Plus size={14} />} onClick={() => setSearch({ create: true }, "push")}>
      {t("webhooks.create")}
    </Button>
  );
  const open = (id: string) => void navigate({ to: "/webhooks/$id", params: { id } });
  return (
    <div className="page">
      <PageHeader
        title={t("webhooks.title")}
        about={t("webhooks.about")}
        actions={query.data?.items.length !== 0 && createButton}
      />
      <DataTable
        id="webhooks"
        label={t("webhooks.title")}
        columns={columns}
        rows={shown}
        rowKey={(w) => w.id}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        onOpen={(w) => open(w.id)}
        filters={
          webhooks &&
          webhooks.length > 0 && (
            <SearchField
              value={q}
              onSearch={(text) => setSearch({ q: text })}
              placeholder={t("webhooks.search")}
            />
          )
        }
        empty={
          q ? (
            <EmptyState title={t("webhooks.none", { q })} hint={t("table.emptyHint")} />
          ) : (
            <EmptyState
              icon={<WebhookIcon />}
              title={t("webhooks.empty")}
              hint={t("webhooks.emptyHint")}
              action={createButton}
            />
          )
        }
      />
      <DetailDrawer
        open={create === true && may}
        onClose={() => setSearch({ create: undefined, segment: undefined })}
        title={t("webhooks.create")}
        width={520}
      >
        <NewWebhook
          segment={segment}
          onCancel={() => setSearch({ create: undefined, segment: undefined })}
          onDone={(w) => open(w.id)}
        />
      </DetailDrawer>
    </div>
  );
}
