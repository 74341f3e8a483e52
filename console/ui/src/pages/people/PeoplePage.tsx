import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { UsersRound } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { personsQuery } from "@/api/queries";
import type { PersonSummary } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { ChannelIcons } from "@/components/ChannelIcon";
import { type Column, DataTable } from "@/components/DataTable";
import { LinkButton } from "@/components/LinkButton";
import { Num } from "@/components/Num";
import { PageHeader } from "@/components/PageHeader";
import { PersonLink } from "@/components/PersonLink";
import { IdentifierChip } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { SearchField } from "@/components/SearchField";
import { EmptyState } from "@/components/states";
import { strongestFirst } from "@/lib/identifiers";
import { useLabels } from "@/lib/labels";
import { useMedia, useSmall } from "@/lib/useMedia";
import { usePages } from "@/lib/usePages";
import { useSetSearch } from "@/lib/useSetSearch";
import "./people.css";

const route = getRouteApi("/shell/people");

export function PeoplePage() {
  const { t } = useTranslation();
  const { q = "" } = route.useSearch();
  const navigate = useNavigate();
  const columns = usePersonColumns();
  const setSearch = useSetSearch();
  const pages = usePages(useInfiniteQuery(personsQuery(q)));

  return (
    <div className="page">
      <PageHeader title={t("people.title")} about={t("people.about")} />
      <DataTable<PersonSummary>
        id="people"
        label={t("people.title")}
        columns={columns}
        {...pages}
        rowKey={(p) => p.id}
        onOpen={(p) => void navigate({ to: "/people/$ref", params: { ref: p.id } })}
        filters={
          <SearchField
            large
            value={q}
            onSearch={(text) => setSearch({ q: text })}
            placeholder={t("people.search")}
          />
        }
        empty={
          q ? (
            <EmptyState icon={<UsersRound />} title={t("people.none", { q })} hint={t("people.noneHint")} />
          ) : (
            <EmptyState
              icon={<UsersRound />}
              title={t("people.empty")}
              hint={t("people.emptyHint")}
              action={<LinkButton to="/collect/sources">{t("people.emptyAction")}</LinkButton>}
            />
          )
        }
      />
    </div>
  );
}

/** The columns of a list of people, also for members of a segment. */
export function usePersonColumns(): Column<PersonSummary>[] {
  const { t } = useTranslation();
  const labels = useLabels();
  const format = useFormat();
  const small = useSmall();
  const narrow = useMedia("(max-width: 1280px)");
  const shown = narrow ? 1 : 2;
  return useMemo(
    () => [
      {
        key: "name",
        title: t("people.name"),
        width: small ? 148 : 220,
        value: (p) => labels.person(p),
        render: (p) => (
          <div className="cell-person">
            <PersonLink person={p} avatar={!small} />
          </div>
        ),
      },
      {
        key: "identifiers",
        title: t("people.identifiers"),
        width: narrow ? 200 : 320,
        sortable: false,
        value: (p) => p.identifiers.map((i) => `${i.kind}:${i.value}`).join(" "),
        render: (p) => (
          <span className="id-list">
            {strongestFirst(p.identifiers)
              .slice(0, shown)
              .map((i) => (
                <IdentifierChip key={i.kind + i.value} {...i} label={labels.identifierKind(i.kind)} />
              ))}
            {p.identifiers.length > shown && (
              <small className="muted">
                {t("people.more", { n: format.num(p.identifiers.length - shown) })}
              </small>
            )}
          </span>
        ),
      },
      {
        key: "channels",
        title: t("people.channels"),
        width: 112,
        sortable: false,
        value: (p) => p.channels.map(labels.channel).join(" "),
        render: (p) => <ChannelIcons channels={p.channels} />,
      },
      {
        key: "city",
        title: t("people.city"),
        width: 120,
        value: (p) => p.city,
        render: (p) => p.city ?? <span className="muted">–</span>,
      },
      {
        key: "events",
        title: t("people.events"),
        width: 80,
        align: "right",
        value: (p) => p.events,
        render: (p) => <Num value={p.events} short />,
      },
      {
        key: "first_seen",
        title: t("people.firstSeen"),
        width: 108,
        align: "right",
        value: (p) => p.first_seen,
        render: (p) => <RelativeTime at={p.first_seen} />,
      },
      {
        key: "last_seen",
        title: t("people.lastSeen"),
        width: 108,
        align: "right",
        value: (p) => p.last_seen,
        render: (p) => <RelativeTime at={p.last_seen} />,
      },
      {
        key: "id",
        title: t("people.id"),
        optional: true,
        width: 110,
        value: (p) => p.id,
        render: (p) => <code>{p.id}</code>,
      },
    ],
    [t, labels, format, small, narrow, shown],
  );
}
