import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Button, Checkbox, Select, Tabs } from "antd";
import { Plus, Receipt, ShieldCheck } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { PageHeader } from "@/components/PageHeader";
import { Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { SearchField } from "@/components/SearchField";
import { EmptyState } from "@/components/states";
import { compact } from "@/lib/search";
import { usePages } from "@/lib/usePages";
import { useSetSearch } from "@/lib/useSetSearch";
import { NewRequest } from "./NewRequest";
import {
  type PrivacyReceiptRow,
  type PrivacyRequest,
  privacySummaryQuery,
  receiptsQuery,
  requestsQuery,
} from "./queries";
import { ReceiptView } from "./ReceiptView";
import { RequestDetail } from "./RequestDetail";
import { StatePill } from "./StatePill";
import { requestKinds, requestReasons, requestStates } from "./search";
import "./privacy.css";

const route = getRouteApi("/shell/privacy/requests");

/** What people have asked for, and the receipts of what was erased. */
export function RequestsPage() {
  const { t } = useTranslation();
  const { tab = "requests", ask, open, receipt } = route.useSearch();
  const setSearch = useSetSearch();
  const mayAsk = useMay("privacy:write");
  const mayReceive = useMay("receipts:read");
  return (
    <div className="page">
      <PageHeader
        title={t("privacy.title")}
        about={t("privacy.about")}
        actions={
          mayAsk && (
            <Button type="primary" icon={<Plus size={14} />} onClick={() => setSearch({ ask: true }, "push")}>
              {t("privacy.ask.title")}
            </Button>
          )
        }
      />
      <Summary />
      <Tabs
        activeKey={tab}
        onChange={(key) => setSearch({ tab: key === "requests" ? undefined : key })}
        items={[
          { key: "requests", label: t("privacy.requests"), children: <Requests /> },
          ...(mayReceive ? [{ key: "receipts", label: t("privacy.receipts"), children: <Receipts /> }] : []),
        ]}
      />
      <DetailDrawer
        open={ask === true && mayAsk}
        onClose={() => setSearch({ ask: undefined })}
        title={t("privacy.ask.title")}
        width={560}
      >
        <NewRequest
          onDone={(bulk) => setSearch({ ask: undefined, tab: undefined, bulk: bulk || undefined })}
        />
      </DetailDrawer>
      <DetailDrawer
        open={open !== undefined}
        onClose={() => setSearch({ open: undefined })}
        title={t("privacy.request")}
        width={560}
      >
        {open && <RequestDetail id={open} />}
      </DetailDrawer>
      <DetailDrawer
        open={receipt !== undefined && mayReceive}
        onClose={() => setSearch({ receipt: undefined })}
        title={t("privacy.receipt.title")}
        width={720}
      >
        {receipt && <ReceiptView id={receipt} />}
      </DetailDrawer>
    </div>
  );
}

/** How many are open, late and done: of all, or of those that were put in together. */
function Summary() {
  const { t } = useTranslation();
  const format = useFormat();
  const { bulk } = route.useSearch();
  const setSearch = useSetSearch();
  const tally = useQuery(privacySummaryQuery(bulk)).data;
  if (!tally) return null;
  const of = (...states: PrivacyRequest["state"][]) =>
    tally.counts.filter((c) => states.includes(c.state)).reduce((n, c) => n + c.count, 0);
  return (
    <div className="row privacy-summary">
      <span>{t("privacy.sum.open", { n: format.num(of("waiting", "running")) })}</span>
      <span>{t("privacy.sum.held", { n: format.num(of("held")) })}</span>
      <span>{t("privacy.sum.done", { n: format.num(of("done", "nobody")) })}</span>
      {of("failed") > 0 && <Pill tone="bad">{t("privacy.sum.failed", { n: format.num(of("failed")) })}</Pill>}
      {tally.late > 0 && <Pill tone="bad">{t("privacy.sum.late", { n: format.num(tally.late) })}</Pill>}
      {bulk && (
        <Button size="small" onClick={() => setSearch({ bulk: undefined })}>
          {t("privacy.sum.all")}
        </Button>
      )}
    </div>
  );
}

function Requests() {
  const { t } = useTranslation();
  const { kind, state, bulk, reason, late, q } = route.useSearch();
  const setSearch = useSetSearch();
  const asked = { kind, state, bulk, reason, late, q };
  const narrowed = Object.values(asked).some((v) => v !== undefined);
  const query = useInfiniteQuery(requestsQuery(compact(asked)));
  const columns: Column<PrivacyRequest>[] = [
    { key: "kind", title: t("privacy.kind"), width: 110, value: (r) => t(`privacy.kinds.${r.kind}`) },
    {
      key: "state",
      title: t("privacy.state"),
      width: 130,
      value: (r) => r.state,
      render: (r) => <StatePill request={r} />,
    },
    {
      key: "who",
      title: t("privacy.who"),
      width: 240,
      sortable: false,
      value: (r) => r.identifiers.join(", "),
      render: (r) =>
        r.identifiers.length > 0 ? (
          <span className="mono privacy-who">{r.identifiers.join(", ")}</span>
        ) : (
          <span className="muted">{t("privacy.goneWith")}</span>
        ),
    },
    { key: "reason", title: t("privacy.reason"), width: 150, value: (r) => t(`privacy.reasons.${r.reason}`) },
    {
      key: "asked",
      title: t("privacy.askedAt"),
      width: 130,
      value: (r) => r.asked_at,
      render: (r) => <RelativeTime at={r.asked_at} />,
    },
    {
      key: "due",
      title: t("privacy.dueAt"),
      width: 130,
      value: (r) => r.due_at,
      render: (r) => (r.ended_at ? <span className="muted">–</span> : <RelativeTime at={r.due_at} />),
    },
  ];
  return (
    <DataTable
      id="privacy-requests"
      label={t("privacy.requests")}
      columns={columns}
      {...usePages(query)}
      rowKey={(r) => r.id}
      onOpen={(r) => setSearch({ open: r.id }, "push")}
      filters={
        <div className="row">
          <Select
            allowClear
            value={kind}
            placeholder={t("privacy.kind")}
            aria-label={t("privacy.kind")}
            onChange={(v) => setSearch({ kind: v })}
            options={requestKinds.map((v) => ({ value: v, label: t(`privacy.kinds.${v}`) }))}
            popupMatchSelectWidth={false}
          />
          <Select
            allowClear
            value={state}
            placeholder={t("privacy.state")}
            aria-label={t("privacy.state")}
            onChange={(v) => setSearch({ state: v })}
            options={requestStates.map((v) => ({ value: v, label: t(`privacy.states.${v}`) }))}
            popupMatchSelectWidth={false}
          />
          <Select
            allowClear
            value={reason}
            placeholder={t("privacy.reason")}
            aria-label={t("privacy.reason")}
            onChange={(v) => setSearch({ reason: v })}
            options={requestReasons.map((v) => ({ value: v, label: t(`privacy.reasons.${v}`) }))}
            popupMatchSelectWidth={false}
          />
          <Checkbox
            checked={late === true}
            onChange={(e) => setSearch({ late: e.target.checked || undefined })}
          >
            {t("privacy.lateOnly")}
          </Checkbox>
          <SearchField
            value={q ?? ""}
            onSearch={(text) => setSearch({ q: text })}
            placeholder={t("privacy.search")}
          />
        </div>
      }
      empty={
        narrowed ? (
          <EmptyState icon={<ShieldCheck />} title={t("privacy.none")} hint={t("privacy.noneHint")} />
        ) : (
          <EmptyState icon={<ShieldCheck />} title={t("privacy.empty")} hint={t("privacy.emptyHint")} />
        )
      }
    />
  );
}

function Receipts() {
  const { t } = useTranslation();
  const setSearch = useSetSearch();
  const query = useInfiniteQuery(receiptsQuery);
  const columns: Column<PrivacyReceiptRow>[] = [
    {
      key: "id",
      title: t("privacy.receipt.title"),
      width: 220,
      value: (r) => r.id,
      render: (r) => <span className="mono">{r.id}</span>,
    },
    {
      key: "request",
      title: t("privacy.request"),
      width: 220,
      value: (r) => r.request,
      render: (r) =>
        r.request ? (
          <span className="mono">{r.request}</span>
        ) : (
          <span className="muted">{t("privacy.receipt.single")}</span>
        ),
    },
    {
      key: "at",
      title: t("privacy.receipt.issued"),
      width: 150,
      value: (r) => r.at,
      render: (r) => <RelativeTime at={r.at} />,
    },
  ];
  return (
    <DataTable
      id="privacy-receipts"
      label={t("privacy.receipts")}
      columns={columns}
      {...usePages(query)}
      rowKey={(r) => r.id}
      onOpen={(r) => setSearch({ receipt: r.id }, "push")}
      empty={
        <EmptyState icon={<Receipt />} title={t("privacy.noReceipts")} hint={t("privacy.noReceiptsHint")} />
      }
    />
  );
}
