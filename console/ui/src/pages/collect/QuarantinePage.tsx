import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { App, Select, Tabs } from "antd";
import { ShieldCheck } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { quarantineQuery, quarantineSummaryQuery, sourcesQuery } from "@/api/queries";
import type { QuarantinedEvent, QuarantineSummary } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { ConfirmButton } from "@/components/ConfirmButton";
import { type Column, DataTable } from "@/components/DataTable";
import { Named } from "@/components/Named";
import { PageHeader } from "@/components/PageHeader";
import { Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { SearchField } from "@/components/SearchField";
import { EmptyState } from "@/components/states";
import { compact } from "@/lib/search";
import { usePages } from "@/lib/usePages";
import { useSetSearch } from "@/lib/useSetSearch";
import { useSources } from "@/lib/useSources";
import { useWrite } from "@/lib/useWrite";
import { QuarantineDrawer } from "./QuarantineDrawer";
import { eventNameOf } from "./rawEvent";
import { GroupsTable } from "./repair/GroupsTable";
import { MendsTable } from "./repair/MendsTable";
import { RepairDrawer } from "./repair/RepairDrawer";
import { useReasonLabel } from "./useReasonLabel";
import "./collect.css";

const route = getRouteApi("/shell/collect/quarantine");

export function QuarantinePage() {
  const { t } = useTranslation();
  const format = useFormat();
  const { source, code, q, view, group } = route.useSearch();
  const setSearch = useSetSearch();
  const sources = useSources();
  const sourceList = useQuery(sourcesQuery).data?.items;
  const reasonLabel = useReasonLabel();
  const may = useMay("quarantine:write");
  const summary = useQuery({
    ...quarantineSummaryQuery,
    enabled: view === undefined,
    refetchInterval: 15_000,
  });
  const pages = usePages(
    useInfiniteQuery({ ...quarantineQuery(compact({ source, code, q })), enabled: view === undefined }),
  );
  const [selected, setSelected] = useState<string[]>([]);
  const [open, setOpen] = useState<QuarantinedEvent | null>(null);

  const columns: Column<QuarantinedEvent>[] = [
    {
      key: "event",
      title: t("collect.quarantine.event"),
      width: 180,
      value: (e) => eventNameOf(e.event),
      render: (e) => (
        <span className="row nowrap">
          {eventNameOf(e.event) ? (
            <Named sort="event" name={eventNameOf(e.event) ?? ""} strong />
          ) : (
            <b className="trait">–</b>
          )}
          {e.replayed_at && <Pill tone="good">{t("collect.quarantine.replayed")}</Pill>}
        </span>
      ),
    },
    {
      key: "reason",
      title: t("collect.quarantine.reason"),
      width: 420,
      value: (e) => `${e.code}: ${e.reason}`,
      render: (e) => (
        <span className="reason">
          <b>{reasonLabel(e.code)}</b>
          <span className="ellipsis muted" title={e.reason}>
            {e.reason}
          </span>
        </span>
      ),
    },
    {
      key: "source",
      title: t("collect.quarantine.source"),
      width: 140,
      value: (e) => sources.nameOf(e.source),
    },
    {
      key: "origin",
      title: t("collect.quarantine.origin"),
      width: 140,
      value: (e) => e.origin,
      render: (e) => (
        <span className="muted">
          {t(`collect.quarantine.${e.origin}`)}
          {e.row !== null && ` · ${t("collect.quarantine.row", { n: format.num(e.row) })}`}
        </span>
      ),
    },
    {
      key: "received",
      title: t("collect.quarantine.received"),
      width: 120,
      align: "right",
      value: (e) => e.received_at,
      time: true,
      render: (e) => <RelativeTime at={e.received_at} />,
    },
    {
      key: "id",
      title: t("collect.quarantine.id"),
      optional: true,
      width: 160,
      value: (e) => e.id,
      render: (e) => <code>{e.id}</code>,
    },
  ];

  const filtered = Boolean(source || code || q);
  return (
    <div className="page">
      <PageHeader title={t("collect.quarantine.title")} about={t("collect.quarantine.about")} />
      <Tabs
        activeKey={view ?? "events"}
        onChange={(key) =>
          setSearch({ view: key === "groups" || key === "rules" ? key : undefined, group: undefined })
        }
        items={[
          { key: "events", label: t("collect.repair.tab.events") },
          { key: "groups", label: t("collect.repair.tab.groups") },
          { key: "rules", label: t("collect.repair.tab.rules") },
        ]}
      />
      {view === "rules" && <MendsTable />}
      {view === "groups" && (
        <GroupsTable source={source} open={group} onOpen={(key) => setSearch({ group: key })} />
      )}
      <RepairDrawer group={group} onClose={() => setSearch({ group: undefined })} />
      {view === undefined && summary.data && summary.data.length > 0 && (
        <Reasons
          summary={source ? summary.data.filter((s) => s.source === source) : summary.data}
          code={code}
          onCode={(c) => {
            setSelected([]);
            setSearch({ code: c });
          }}
        />
      )}
      {view === undefined && (
        <DataTable
          id="quarantine"
          label={t("collect.quarantine.title")}
          columns={columns}
          {...pages}
          rowKey={(e) => e.id}
          onOpen={setOpen}
          openKey={open?.id}
          {...(may ? { selection: { keys: selected, onChange: setSelected } } : {})}
          filters={
            <>
              <SearchField
                value={q ?? ""}
                onSearch={(text) => setSearch({ q: text })}
                placeholder={t("collect.quarantine.search")}
              />
              <Select
                value={source ?? null}
                onChange={(v: string | null) => setSearch({ source: v ?? undefined })}
                allowClear
                placeholder={t("collect.quarantine.allSources")}
                aria-label={t("collect.quarantine.source")}
                style={{ width: 180 }}
                popupMatchSelectWidth={260}
                options={(sourceList ?? []).map((s) => ({ value: s.id, label: s.name }))}
              />
            </>
          }
          tools={
            may && <Bulk selected={selected} code={code} source={source} onDone={() => setSelected([])} />
          }
          empty={
            filtered ? (
              <EmptyState title={t("collect.quarantine.none")} hint={t("table.emptyHint")} />
            ) : (
              <EmptyState
                icon={<ShieldCheck />}
                title={t("collect.quarantine.empty")}
                hint={t("collect.quarantine.emptyHint")}
              />
            )
          }
        />
      )}
      <QuarantineDrawer event={open} onClose={() => setOpen(null)} />
    </div>
  );
}

/** What goes wrong, most frequent first; a click narrows the list. */
function Reasons(props: {
  summary: QuarantineSummary[];
  code: string | undefined;
  onCode: (code: string | undefined) => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const reasonLabel = useReasonLabel();
  const byCode = new Map<string, { code: string; count: number; last: string }>();
  for (const s of props.summary) {
    const x = byCode.get(s.code);
    if (x) {
      x.count += s.count;
      if (s.last_at > x.last) x.last = s.last_at;
    } else byCode.set(s.code, { code: s.code, count: s.count, last: s.last_at });
  }
  const reasons = [...byCode.values()].sort((a, b) => b.count - a.count);
  return (
    <section className="reasons" aria-label={t("collect.quarantine.reasons")}>
      {reasons.map((r) => (
        <button
          type="button"
          key={r.code}
          className="reason-card"
          aria-pressed={props.code === r.code}
          onClick={() => props.onCode(props.code === r.code ? undefined : r.code)}
        >
          <span className="ellipsis">{reasonLabel(r.code)}</span>
          <b>{format.compact(r.count)}</b>
          <small className="muted">{t("collect.quarantine.last", { when: format.relative(r.last) })}</small>
        </button>
      ))}
    </section>
  );
}

/** Replays and discards many at once: the selected ones, or all of a reason. */
function Bulk(props: {
  selected: string[];
  code: string | undefined;
  source: string | undefined;
  onDone: () => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const { message } = App.useApp();
  const client = useQueryClient();
  const navigate = useNavigate();
  const after = async () => {
    props.onDone();
    await Promise.all([
      client.invalidateQueries({ queryKey: ["quarantine"] }),
      client.invalidateQueries({ queryKey: ["stats"] }),
    ]);
  };
  const replay = useWrite({
    mutationFn: (body: { ids?: string[]; code?: string; source?: string }) =>
      data(api.POST("/api/v1/quarantine/replay", { params: { header: idempotencyKey() }, body })),
    onSuccess: async (r) => {
      if (r.replayed > 0) {
        message.success(
          t("collect.quarantine.replayedCount", { count: r.replayed, n: format.num(r.replayed) }),
        );
      }
      if (r.rejected > 0) {
        message.warning(
          t("collect.quarantine.rejectedCount", { count: r.rejected, n: format.num(r.rejected) }),
        );
      }
      await after();
    },
  });
  // There may be any number of them: a job does it, and shows how far it is.
  const replayAll = useWrite({
    mutationFn: (input: { code: string; source?: string }) =>
      data(
        api.POST("/api/v1/jobs", {
          params: { header: idempotencyKey() },
          body: { kind: "quarantine.replay", input },
        }),
      ),
    onSuccess: async (job) => {
      await after();
      await navigate({ to: "/jobs", search: { open: job.id } });
    },
  });
  const discard = useWrite({
    mutationFn: (ids: string[]) =>
      data(api.POST("/api/v1/quarantine/discard", { params: { header: idempotencyKey() }, body: { ids } })),
    onSuccess: async (r) => {
      message.success(t("collect.quarantine.discarded", { count: r.discarded, n: format.num(r.discarded) }));
      await after();
    },
  });

  const n = props.selected.length;
  if (n > 0) {
    return (
      <>
        <ConfirmButton
          does="replay"
          title={t("collect.quarantine.replayTitle", { count: n, n: format.num(n) })}
          text={t("collect.quarantine.replayAllText")}
          ok={t("collect.quarantine.replay")}
          run={() => replay.mutateAsync({ ids: props.selected })}
          pending={replay.isPending}
        >
          {t("collect.quarantine.replaySelected", { n: format.num(n) })}
        </ConfirmButton>
        <ConfirmButton
          does="discard"
          title={t("collect.quarantine.discardTitle", { count: n, n: format.num(n) })}
          text={t("collect.quarantine.discardText")}
          ok={t("collect.quarantine.discard")}
          run={() => discard.mutateAsync(props.selected)}
          pending={discard.isPending}
        >
          {t("collect.quarantine.discardSelected", { n: format.num(n) })}
        </ConfirmButton>
      </>
    );
  }
  if (!props.code) return null;
  const code = props.code;
  return (
    <ConfirmButton
      does="replay"
      title={t("collect.quarantine.replayAllTitle")}
      text={t("collect.quarantine.replayAllText")}
      ok={t("collect.quarantine.replay")}
      run={() => replayAll.mutateAsync({ code, ...(props.source ? { source: props.source } : {}) })}
      pending={replayAll.isPending}
    >
      {t("collect.quarantine.replayAll")}
    </ConfirmButton>
  );
}
