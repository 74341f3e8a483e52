import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Segmented, Select } from "antd";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { catalogueAllEventsQuery, settingsQuery, sourceNamesQuery } from "@/api/queries";
import type { Condition, MatchedQuery, Source } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { EventPicker } from "@/components/conditions/EventPicker";
import { FieldPicker } from "@/components/conditions/FieldPicker";
import { fieldKey, fieldOfKey } from "@/components/conditions/fields";
import { PageHeader } from "@/components/PageHeader";
import { EmptyState } from "@/components/states";
import { useSetSearch } from "@/lib/useSetSearch";
import { dayOf } from "@/lib/zone";
import { presets, resolveRange } from "@/pages/analytics/question";
import { useAnswer } from "@/pages/analytics/useAnswer";
import { ExposurePart } from "./ExposurePart";
import { SalesResult } from "./SalesResult";
import { type SalesSearch, saleIntervals } from "./search";
import "./sales.css";

const route = getRouteApi("/shell/sales");

/** Kinds of sources where somebody is seen who has a device or an account. */
const onlineKinds: readonly Source["kind"][] = [
  "web",
  "app",
  "mini_program",
  "official_account",
  "community",
];

/** Names that events of tills and dealers have, so that the page begins with something. */
const likely = /receipt|order|purchase|sale|transaction/i;

/** Which share of sales is of people who are known online, by which evidence, and which advertisement they saw before. */
export function SalesPage() {
  const { t } = useTranslation();
  const format = useFormat();
  const search = route.useSearch();
  const setSearch = useSetSearch();
  const set = (change: Partial<SalesSearch>) => setSearch(change);
  const zone = useQuery(settingsQuery).data?.organisation.time_zone ?? format.timeZone;
  const events = useQuery(catalogueAllEventsQuery).data?.items;
  const sources = useQuery(sourceNamesQuery).data?.items;
  const offline = useMemo(
    () => events?.filter((e) => likely.test(e.event)).map((e) => e.event) ?? [],
    [events],
  );
  const sale = search.sale ?? offline.find((e) => /receipt/i.test(e)) ?? offline[0];
  const online = search.online ?? sources?.filter((s) => onlineKinds.includes(s.kind)).map((s) => s.id);
  const interval = search.interval ?? "week";
  const earliest = events?.reduce<string | undefined>(
    (least, e) => (least === undefined || e.first_seen < least ? e.first_seen : least),
    undefined,
  );
  const range = resolveRange(
    search.range ?? "90d",
    zone,
    dayOf(Date.now(), zone),
    earliest && dayOf(Date.parse(earliest), zone),
  );
  const query = useMemo<MatchedQuery | null>(() => {
    if (!sale || !online || online.length === 0) return null;
    const where: Condition[] = [{ dimension: "source", op: "in", value: online }];
    return {
      kind: "matched",
      from: range.from,
      to: range.to,
      tz: zone,
      interval,
      sale: { event: sale },
      online: { event: "*", where },
      ...((search.amount ?? "amount") === "" ? {} : { amount: search.amount ?? "amount" }),
      ...(search.by ? { breakdown: [fieldOfKey(search.by)] } : {}),
    };
  }, [sale, online, range.from, range.to, zone, interval, search.amount, search.by]);
  const answer = useAnswer(query);
  return (
    <div className="page">
      <PageHeader title={t("sales.title")} about={t("sales.about")} />
      <div className="stack">
        <section className="card card-pad sales-bar" aria-label={t("sales.filters")}>
          <div className="sales-field">
            <span className="muted">{t("sales.sale")}</span>
            <EventPicker
              value={sale ?? ""}
              label={t("sales.sale")}
              onChange={(v) => set({ sale: v, by: undefined })}
            />
          </div>
          <div className="sales-field">
            <span className="muted">{t("sales.amount")}</span>
            <FieldPicker
              events={sale ? [sale] : []}
              value={{ property: search.amount ?? "amount" }}
              numbers
              label={t("sales.amount")}
              onChange={(f) => set({ amount: f.property })}
            />
          </div>
          <div className="sales-field sales-sources">
            <span className="muted">{t("sales.online")}</span>
            <Select
              mode="multiple"
              maxTagCount="responsive"
              aria-label={t("sales.online")}
              value={online ?? []}
              options={(sources ?? []).map((s) => ({ value: s.id, label: s.name }))}
              onChange={(v) => set({ online: v })}
            />
          </div>
          <div className="sales-field">
            <span className="muted">{t("analytics.range")}</span>
            <Select
              aria-label={t("analytics.range")}
              value={search.range ?? "90d"}
              popupMatchSelectWidth={false}
              options={presets.map((p) => ({ value: p, label: t(`analytics.preset.${p}`) }))}
              onChange={(v) => set({ range: v })}
            />
          </div>
          <div className="sales-field">
            <span className="muted">{t("analytics.breakdown")}</span>
            <FieldPicker
              events={sale ? [sale] : []}
              value={search.by ? fieldOfKey(search.by) : {}}
              withDimensions
              allowClear
              label={t("analytics.breakdown")}
              placeholder={t("sales.noBreakdown")}
              onChange={(f) => set({ by: fieldKey(f) })}
              onClear={() => set({ by: undefined })}
            />
          </div>
          <Segmented
            aria-label={t("analytics.interval")}
            value={interval}
            options={saleIntervals.map((v) => ({ value: v, label: t(`analytics.per.${v}`) }))}
            onChange={(v) => set({ interval: v })}
          />
        </section>
        {query === null && events && sources ? (
          <section className="card">
            <EmptyState title={t("sales.empty")} hint={t("sales.emptyHint")} />
          </section>
        ) : (
          <SalesResult answer={answer} />
        )}
        {query && <ExposurePart query={query} search={search} set={set} />}
      </div>
    </div>
  );
}
