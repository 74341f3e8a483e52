import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Button, Checkbox, Select } from "antd";
import { House, SlidersHorizontal } from "lucide-react";
import { useTranslation } from "react-i18next";
import { householdsQuery, householdTotalsQuery } from "@/api/queries";
import type { HouseholdSummary } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { Num } from "@/components/Num";
import { PageHeader } from "@/components/PageHeader";
import { RelativeTime } from "@/components/RelativeTime";
import { SearchField } from "@/components/SearchField";
import { EmptyState } from "@/components/states";
import { usePages } from "@/lib/usePages";
import { useSetSearch } from "@/lib/useSetSearch";
import { MemberName } from "./parts";
import { RulesForm } from "./RulesForm";
import { orders, sizes } from "./search";
import "./households.css";

const route = getRouteApi("/shell/households");

/** All households of today; the order is the server's, since there may be many. */
export function HouseholdsPage() {
  const { t } = useTranslation();
  const { q = "", order = "revenue", size, children, rules } = route.useSearch();
  const setSearch = useSetSearch();
  const navigate = useNavigate();
  const format = useFormat();
  const query = useInfiniteQuery(
    householdsQuery({
      sort: order,
      ...(children ? { children } : {}),
      ...(size ? { min_size: Number(size) } : {}),
      ...(q ? { q } : {}),
    }),
  );
  const totals = useQuery({ ...householdTotalsQuery, refetchInterval: 10_000 }).data;
  return (
    <div className="page">
      <PageHeader
        title={t("households.title")}
        about={t("households.about")}
        actions={
          <Button icon={<SlidersHorizontal size={14} />} onClick={() => setSearch({ rules: true }, "push")}>
            {t("households.rules.title")}
          </Button>
        }
      />
      <DataTable<HouseholdSummary>
        ofPeople
        id="households"
        label={t("households.title")}
        columns={useColumns()}
        {...usePages(query)}
        rowKey={(h) => h.id}
        onOpen={(h) => void navigate({ to: "/households/$id", params: { id: h.id } })}
        filters={
          <div className="row household-filters">
            <SearchField
              value={q}
              onSearch={(text) => setSearch({ q: text || undefined })}
              placeholder={t("households.search")}
            />
            <Select
              value={size ?? "2"}
              aria-label={t("households.minSize")}
              onChange={(s) => setSearch({ size: s === "2" ? undefined : s })}
              options={sizes.map((s) => ({ value: s, label: t("households.atLeast", { n: s }) }))}
              popupMatchSelectWidth={false}
            />
            <Select
              value={order}
              aria-label={t("households.sort")}
              onChange={(o) => setSearch({ order: o === "revenue" ? undefined : o })}
              options={orders.map((o) => ({ value: o, label: t(`households.sortBy.${o}`) }))}
              popupMatchSelectWidth={false}
            />
            <Checkbox
              checked={children === true}
              onChange={(e) => setSearch({ children: e.target.checked || undefined })}
            >
              {t("households.onlyChildren")}
            </Checkbox>
            {totals && (
              <span className="muted">
                {t("households.total", {
                  n: format.num(totals.households),
                  of: format.num(totals.persons),
                })}
                {totals.waiting > 0 && ` · ${t("households.waiting", { n: format.num(totals.waiting) })}`}
              </span>
            )}
          </div>
        }
        empty={
          children || q || size ? (
            <EmptyState icon={<House />} title={t("households.none")} hint={t("table.emptyHint")} />
          ) : (
            <EmptyState icon={<House />} title={t("households.empty")} hint={t("households.emptyHint")} />
          )
        }
      />
      <DetailDrawer
        open={rules === true}
        onClose={() => setSearch({ rules: undefined })}
        title={t("households.rules.title")}
        width={760}
      >
        <RulesForm onDone={() => setSearch({ rules: undefined })} />
      </DetailDrawer>
    </div>
  );
}

function useColumns(): Column<HouseholdSummary>[] {
  const { t } = useTranslation();
  const format = useFormat();
  return [
    {
      key: "members",
      title: t("households.members"),
      width: 340,
      sortable: false,
      value: (h) => h.members.map((m) => m.name ?? m.id).join(", "),
      render: (h) => (
        <span className="household-members">
          {h.members.slice(0, 4).map((m) => (
            <MemberName key={m.id} member={m} />
          ))}
          {h.members.length > 4 && (
            <small className="muted">{t("people.more", { n: format.num(h.members.length - 4) })}</small>
          )}
        </span>
      ),
    },
    {
      key: "size",
      title: t("households.size"),
      width: 80,
      align: "right",
      sortable: false,
      value: (h) => h.size,
      render: (h) => <Num value={h.size} />,
    },
    {
      key: "children",
      title: t("households.children"),
      width: 80,
      align: "right",
      sortable: false,
      value: (h) => h.children,
      render: (h) => (h.children > 0 ? <Num value={h.children} /> : <span className="muted">–</span>),
    },
    {
      key: "vehicles",
      title: t("households.vehicles"),
      width: 80,
      align: "right",
      sortable: false,
      value: (h) => h.vehicles,
      render: (h) => (h.vehicles > 0 ? <Num value={h.vehicles} /> : <span className="muted">–</span>),
    },
    {
      key: "payers",
      title: t("households.payers"),
      width: 80,
      align: "right",
      sortable: false,
      value: (h) => h.payers,
      render: (h) => <Num value={h.payers} />,
    },
    {
      key: "orders",
      title: t("households.orders"),
      width: 90,
      align: "right",
      sortable: false,
      value: (h) => h.orders,
      render: (h) => <Num value={h.orders} short />,
    },
    {
      key: "revenue",
      title: t("households.revenue"),
      width: 120,
      align: "right",
      sortable: false,
      value: (h) => h.revenue,
      render: (h) => <Num value={h.revenue} short />,
    },
    {
      key: "lately",
      title: t("households.lately"),
      width: 120,
      align: "right",
      sortable: false,
      value: (h) => h.revenue_365,
      render: (h) => <Num value={h.revenue_365} short />,
    },
    {
      key: "score",
      title: t("households.score"),
      help: t("households.scoreHelp"),
      width: 100,
      align: "right",
      sortable: false,
      value: (h) => h.score,
      render: (h) => <span className="n">{format.percent(h.score)}</span>,
    },
    {
      key: "since",
      title: t("households.since"),
      width: 120,
      align: "right",
      sortable: false,
      time: true,
      value: (h) => h.since,
      render: (h) => <RelativeTime at={h.since} />,
    },
    {
      key: "id",
      title: "ID",
      optional: true,
      width: 140,
      sortable: false,
      value: (h) => h.id,
      render: (h) => <code>{h.id}</code>,
    },
  ];
}
