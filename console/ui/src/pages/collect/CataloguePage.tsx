import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Button, Segmented, Tabs } from "antd";
import { BookOpen, Star } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import {
  catalogueAllEventsQuery,
  catalogueEventsQuery,
  catalogueTraitsQuery,
  statsQuery,
} from "@/api/queries";
import type { CatalogueEvent, CatalogueTrait } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { type Column, DataTable } from "@/components/DataTable";
import { Named } from "@/components/Named";
import { Num } from "@/components/Num";
import { PageHeader } from "@/components/PageHeader";
import { Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { SearchField } from "@/components/SearchField";
import { Sparkline } from "@/components/Sparkline";
import { EmptyState } from "@/components/states";
import { usePeopleBehind } from "@/lib/behind";
import { useNames } from "@/lib/displayNames";
import { formatJson } from "@/lib/json";
import { useLabels } from "@/lib/labels";
import { useSetSearch } from "@/lib/useSetSearch";
import { CatalogueEventDrawer } from "./CatalogueEventDrawer";
import { ClassFilter, ClassMark } from "./ClassMark";
import { EntryDrawer } from "./EntryDrawer";
import { Examples, Fill } from "./Fill";
import { PersonalTab } from "./PersonalTab";
import { personsOfEvent } from "./personsOfEvent";
import "./collect.css";

const route = getRouteApi("/shell/collect/catalogue");

export function CataloguePage() {
  const { t } = useTranslation();
  const { tab, q = "", class: only, entry } = route.useSearch();
  const setSearch = useSetSearch();
  const openEntry = (e: { sort: string; name: string }) =>
    setSearch({ entry: `${e.sort}:${e.name}` }, "push");
  return (
    <div className="page">
      <PageHeader title={t("collect.catalogue.title")} about={t("collect.catalogue.about")} />
      <Tabs
        activeKey={tab ?? "events"}
        onChange={(key) =>
          setSearch({
            tab: key === "traits" || key === "personal" ? key : undefined,
            q: undefined,
            sort: undefined,
            class: undefined,
          })
        }
        destroyOnHidden
        items={[
          { key: "events", label: t("collect.catalogue.events"), children: <Events q={q} /> },
          { key: "traits", label: t("collect.catalogue.traits"), children: <Traits q={q} /> },
          {
            key: "personal",
            label: t("collect.catalogue.personal"),
            children: <PersonalTab q={q} only={only} onOpen={openEntry} />,
          },
        ]}
      />
      <EntryDrawer of={entry} onClose={() => setSearch({ entry: undefined })} />
    </div>
  );
}

function Events({ q }: { q: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const names = useNames();
  const { event: openEvent, range, entry } = route.useSearch();
  const setSearch = useSetSearch();
  const behind = usePeopleBehind();
  const query = useQuery(range === "all" ? catalogueAllEventsQuery : catalogueEventsQuery);
  const rows = useMemo(
    () =>
      query.data?.items.filter(
        (e) =>
          !q ||
          `${labels.event(e.event)} ${names.words("event", e.event)}`.toLowerCase().includes(q.toLowerCase()),
      ),
    [query.data, q, labels, names],
  );
  const behindEvent = (e: CatalogueEvent) =>
    range === "all"
      ? personsOfEvent(
          e.event,
          t("collect.catalogue.peopleBehindAll", { event: labels.event(e.event) }),
          format.timeZone,
          e.first_seen,
        )
      : personsOfEvent(
          e.event,
          t("collect.catalogue.peopleBehind", { event: labels.event(e.event) }),
          format.timeZone,
        );
  const columns: Column<CatalogueEvent>[] = [
    {
      key: "event",
      title: t("collect.catalogue.event"),
      width: 260,
      value: (e) => e.event,
      render: (e) => (
        <span className="row nowrap catalogue-name">
          <Named sort="event" name={e.event} strong />
          {names.of("event", e.event)?.starred && (
            <Star size={12} aria-label={t("collect.catalogue.starred")} />
          )}
          {names.of("event", e.event)?.hidden && <Pill>{t("collect.catalogue.hidden")}</Pill>}
          {e.type !== "track" && <Pill>{e.type}</Pill>}
        </span>
      ),
    },
    {
      key: "trend",
      title: t("collect.catalogue.trend"),
      width: 140,
      sortable: false,
      value: (e) => e.daily.map((d) => d.count).join(" "),
      render: (e) => (
        <Sparkline
          values={e.daily.map((d) => d.count)}
          width={120}
          height={24}
          label={`${t("collect.catalogue.perDay")}: ${e.daily.map((d) => format.num(d.count)).join(" ")}`}
        />
      ),
    },
    {
      key: "count",
      title: t("collect.catalogue.count"),
      help: t("collect.catalogue.countHelp"),
      width: 120,
      align: "right",
      value: (e) => e.count,
      render: (e) => <Num value={e.count} />,
    },
    {
      key: "persons",
      title: t("collect.catalogue.persons"),
      help: t("collect.catalogue.personsHelp"),
      width: 120,
      align: "right",
      value: (e) => e.persons,
      render: (e) => (
        <button type="button" className="door" onClick={() => behind(behindEvent(e))}>
          <Num value={e.persons} />
        </button>
      ),
    },
    {
      key: "first",
      title: t("collect.catalogue.firstSeen"),
      width: 130,
      align: "right",
      value: (e) => e.first_seen,
      time: true,
      render: (e) => <RelativeTime at={e.first_seen} />,
    },
    {
      key: "last",
      title: t("collect.catalogue.lastSeen"),
      width: 130,
      align: "right",
      value: (e) => e.last_seen,
      time: true,
      render: (e) => <RelativeTime at={e.last_seen} />,
    },
  ];
  return (
    <>
      <DataTable
        id="catalogue-events"
        label={t("collect.catalogue.events")}
        columns={columns}
        rows={rows}
        rowKey={(e) => e.event}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        defaultSort="-count"
        onOpen={(e) => setSearch({ event: e.event }, "push")}
        openKey={openEvent}
        filters={
          <>
            <SearchField
              value={q}
              onSearch={(text) => setSearch({ q: text })}
              placeholder={t("collect.catalogue.search")}
            />
            <Segmented
              value={range ?? "recent"}
              onChange={(v) => setSearch({ range: v === "all" ? v : undefined })}
              options={(["recent", "all"] as const).map((v) => ({
                value: v,
                label: t(`collect.catalogue.${v}`),
              }))}
            />
          </>
        }
        empty={<NoEvents q={q} recent={range !== "all"} />}
      />
      <CatalogueEventDrawer
        name={entry ? undefined : openEvent}
        onEntry={(sort, name) => setSearch({ entry: `${sort}:${name}` }, "push")}
        events={query.data?.items}
        onClose={() => setSearch({ event: undefined })}
        onPersons={(e) => behind(behindEvent(e))}
      />
    </>
  );
}

/** Nothing fits the search, or nothing in these days, or nothing ever. */
function NoEvents({ q, recent }: { q: string; recent: boolean }) {
  const { t } = useTranslation();
  const setSearch = useSetSearch();
  const some = (useQuery(statsQuery).data?.accepted ?? 0) > 0;
  if (q) return <EmptyState title={t("collect.catalogue.none", { q })} hint={t("table.emptyHint")} />;
  if (recent && some) {
    return (
      <EmptyState
        icon={<BookOpen />}
        title={t("collect.catalogue.older")}
        hint={t("collect.catalogue.olderHint")}
        action={
          <Button size="small" onClick={() => setSearch({ range: "all" })}>
            {t("collect.catalogue.showAll")}
          </Button>
        }
      />
    );
  }
  return (
    <EmptyState
      icon={<BookOpen />}
      title={t("collect.catalogue.empty")}
      hint={t("collect.catalogue.emptyHint")}
    />
  );
}

function Traits({ q }: { q: string }) {
  const { t } = useTranslation();
  const setSearch = useSetSearch();
  const names = useNames();
  const { class: only } = route.useSearch();
  const query = useQuery(catalogueTraitsQuery);
  const rows = useMemo(
    () =>
      query.data?.items.filter(
        (x) =>
          (!q || names.words("trait", x.trait).toLowerCase().includes(q.toLowerCase())) &&
          (!only || names.of("trait", x.trait)?.class === only),
      ),
    [query.data, q, only, names],
  );
  const columns: Column<CatalogueTrait>[] = [
    {
      key: "trait",
      title: t("collect.catalogue.trait"),
      width: 220,
      value: (x) => x.trait,
      render: (x) => (
        <span className="row nowrap catalogue-name">
          <Named sort="trait" name={x.trait} strong />
          {names.of("trait", x.trait)?.starred && (
            <Star size={12} aria-label={t("collect.catalogue.starred")} />
          )}
        </span>
      ),
    },
    {
      key: "class",
      title: t("collect.catalogue.class"),
      help: t("collect.catalogue.classHelp"),
      width: 110,
      value: (x) => names.of("trait", x.trait)?.class ?? "",
      render: (x) => <ClassMark entry={names.of("trait", x.trait)} />,
    },
    {
      key: "type",
      title: t("collect.catalogue.types"),
      width: 110,
      value: (x) => x.type,
      render: (x) => <code>{x.type}</code>,
    },
    {
      key: "fill",
      title: t("collect.catalogue.fill"),
      help: t("collect.catalogue.fillTraitHelp"),
      width: 150,
      value: (x) => x.fill_rate,
      render: (x) => <Fill rate={x.fill_rate} />,
    },
    {
      key: "examples",
      title: t("collect.catalogue.examples"),
      sortable: false,
      value: (x) => x.examples.map((v) => formatJson(v)).join(" "),
      render: (x) => <Examples values={x.examples} />,
    },
  ];
  return (
    <DataTable
      id="catalogue-traits"
      label={t("collect.catalogue.traits")}
      columns={columns}
      rows={rows}
      rowKey={(x) => x.trait}
      loading={query.isPending}
      error={query.error}
      onRetry={() => void query.refetch()}
      defaultSort="-fill"
      onOpen={(x) => setSearch({ entry: `trait:${x.trait}` }, "push")}
      filters={
        <>
          <SearchField
            value={q}
            onSearch={(text) => setSearch({ q: text })}
            placeholder={t("collect.catalogue.searchTraits")}
          />
          <ClassFilter value={only} onChange={(c) => setSearch({ class: c })} />
        </>
      }
      empty={
        q ? (
          <EmptyState title={t("collect.catalogue.noTrait", { q })} hint={t("table.emptyHint")} />
        ) : (
          <EmptyState
            icon={<BookOpen />}
            title={t("collect.catalogue.noTraits")}
            hint={t("collect.catalogue.noTraitsHint")}
          />
        )
      }
    />
  );
}
