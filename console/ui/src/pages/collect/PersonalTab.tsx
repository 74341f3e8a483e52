import { useQuery } from "@tanstack/react-query";
import { ShieldCheck } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { catalogueEntriesQuery } from "@/api/queries";
import type { CatalogueEntry } from "@/api/types";
import { type Column, DataTable } from "@/components/DataTable";
import { SearchField } from "@/components/SearchField";
import { EmptyState } from "@/components/states";
import { useNames } from "@/lib/displayNames";
import { useSetSearch } from "@/lib/useSetSearch";
import { ClassFilter, ClassMark } from "./ClassMark";
import type { classes } from "./search";
import { useEvidence } from "./useEvidence";

/** All properties and traits that hold personal data, or of which somebody said that they hold none. */
export function PersonalTab(props: {
  q: string;
  only: (typeof classes)[number] | undefined;
  onOpen: (entry: CatalogueEntry) => void;
}) {
  const { t } = useTranslation();
  const names = useNames();
  const evidence = useEvidence();
  const setSearch = useSetSearch();
  const query = useQuery(catalogueEntriesQuery);
  const rows = useMemo(
    () =>
      query.data?.items.filter(
        (e) =>
          e.sort !== "event" &&
          e.class !== "" &&
          (!props.only || e.class === props.only) &&
          (!props.q || names.words(e.sort, e.name).toLowerCase().includes(props.q.toLowerCase())),
      ),
    [query.data, props.only, props.q, names],
  );
  const columns: Column<CatalogueEntry>[] = [
    {
      key: "name",
      title: t("collect.catalogue.field"),
      width: 220,
      value: (e) => e.name,
      render: (e) => (
        <b className="trait ellipsis" title={e.name}>
          {names.shown(e.sort, e.name) ?? e.name}
        </b>
      ),
    },
    {
      key: "sort",
      title: t("collect.catalogue.sort"),
      width: 110,
      value: (e) => t(`collect.catalogue.sorts.${e.sort}`),
    },
    {
      key: "class",
      title: t("collect.catalogue.class"),
      help: t("collect.catalogue.classHelp"),
      width: 120,
      value: (e) => t(`collect.catalogue.classes.${e.class || "none"}`),
      render: (e) => <ClassMark entry={e} />,
    },
    { key: "evidence", title: t("collect.catalogue.evidence"), sortable: false, value: evidence },
  ];
  return (
    <DataTable
      id="catalogue-personal"
      label={t("collect.catalogue.personal")}
      columns={columns}
      rows={rows}
      rowKey={(e) => `${e.sort}:${e.name}`}
      loading={query.isPending}
      error={query.error}
      onRetry={() => void query.refetch()}
      defaultSort="name"
      onOpen={props.onOpen}
      filters={
        <>
          <SearchField
            value={props.q}
            onSearch={(text) => setSearch({ q: text })}
            placeholder={t("collect.catalogue.searchFields")}
          />
          <ClassFilter value={props.only} onChange={(c) => setSearch({ class: c })} />
        </>
      }
      empty={
        <EmptyState
          icon={<ShieldCheck />}
          title={t("collect.catalogue.noPersonal")}
          hint={t(props.q || props.only ? "table.emptyHint" : "collect.catalogue.noPersonalHint")}
        />
      }
    />
  );
}
