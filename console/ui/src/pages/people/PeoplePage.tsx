import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Button } from "antd";
import { Fingerprint, UsersRound } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { personsQuery, suggestionsQuery } from "@/api/queries";
import type { PersonSummary } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useLimited, useMay } from "@/app/session";
import { ChannelIcons } from "@/components/ChannelIcon";
import { type Column, DataTable } from "@/components/DataTable";
import { LinkButton } from "@/components/LinkButton";
import { Num } from "@/components/Num";
import { PageHeader } from "@/components/PageHeader";
import { PersonLink } from "@/components/PersonLink";
import { IdentifierChip, Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { SearchField } from "@/components/SearchField";
import { EmptyState } from "@/components/states";
import { identifierColumns } from "@/lib/csv";
import { strongestFirst } from "@/lib/identifiers";
import { stableJson } from "@/lib/json";
import { useLabels } from "@/lib/labels";
import { useMedia, useSmall } from "@/lib/useMedia";
import { useFilledPages } from "@/lib/usePages";
import { useSetSearch } from "@/lib/useSetSearch";
import { PeopleFilters } from "./PeopleFilters";
import { personFilter } from "./search";
import "./people.css";

const route = getRouteApi("/shell/people");

export function PeoplePage() {
  const { t } = useTranslation();
  const search = route.useSearch();
  const { q = "" } = search;
  const format = useFormat();
  const navigate = useNavigate();
  const columns = usePersonColumns();
  const setSearch = useSetSearch();
  const filter = useMemo(() => personFilter(search, format.timeZone), [search, format.timeZone]);
  const { q: _, ...narrow } = filter;
  const narrowed = Object.keys(narrow).length > 0;
  const query = useInfiniteQuery(personsQuery(filter));
  const { looking, ...pages } = useFilledPages(query, stableJson(filter));
  // Enter was pressed on this text: once its answer is there, the only one found is opened.
  const [wanted, setWanted] = useState<string>();
  const settled = wanted === q && !query.isFetching && !looking;
  const only = pages.rows?.length === 1 && !pages.more.has ? pages.rows[0] : undefined;
  useEffect(() => {
    if (wanted === undefined || !settled) return;
    setWanted(undefined);
    if (only && wanted !== "") void navigate({ to: "/people/$ref", params: { ref: only.id } });
  }, [wanted, settled, only, navigate]);
  const clear = () =>
    setSearch({ who: undefined, segment: undefined, kind: undefined, channel: undefined, active: undefined });

  return (
    <div className="page">
      <PageHeader title={t("people.title")} about={t("people.about")} actions={<RulesLink />} />
      <DataTable<PersonSummary>
        ofPeople
        id="people"
        label={t("people.title")}
        columns={columns}
        {...pages}
        rowKey={(p) => p.id}
        onOpen={(p) => void navigate({ to: "/people/$ref", params: { ref: p.id } })}
        filters={
          <div className="people-filters grow">
            <SearchField
              large
              value={q}
              onSearch={(text) => setSearch({ q: text })}
              onEnter={setWanted}
              placeholder={t("people.search")}
            />
            <PeopleFilters search={search} onChange={setSearch} {...(narrowed ? { onClear: clear } : {})} />
          </div>
        }
        empty={
          pages.more.has ? (
            <EmptyState
              icon={<UsersRound />}
              title={t("people.notYet")}
              hint={t("people.notYetHint")}
              action={
                <Button type="primary" loading={pages.more.loading} onClick={pages.more.load}>
                  {t("people.goOn")}
                </Button>
              }
            />
          ) : narrowed ? (
            <EmptyState
              icon={<UsersRound />}
              title={q ? t("people.none", { q }) : t("people.noneFiltered")}
              hint={t("people.noneFilteredHint")}
              action={<Button onClick={clear}>{t("people.clear")}</Button>}
            />
          ) : q ? (
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

/** Leads to the identity rules; tells how many values wait for a decision. */
function RulesLink() {
  const { t } = useTranslation();
  const format = useFormat();
  const limited = useLimited();
  const may = useMay("identity:read") && !limited;
  const waiting = useQuery({ ...suggestionsQuery, enabled: may }).data?.items.length ?? 0;
  if (!may) return null;
  return (
    <LinkButton to="/people/rules" icon={<Fingerprint size={14} />}>
      {t("people.rules.title")}
      {waiting > 0 && (
        <span title={t("people.rules.waiting", { count: waiting, n: format.num(waiting) })}>
          <Pill tone="gold">{format.num(waiting)}</Pill>
        </span>
      )}
    </LinkButton>
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
        csv: (rows) => identifierColumns(rows, labels.identifierKind),
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
        optional: narrow,
        width: 108,
        align: "right",
        value: (p) => p.first_seen,
        time: true,
        render: (p) => <RelativeTime at={p.first_seen} />,
      },
      {
        key: "last_seen",
        title: t("people.lastSeen"),
        width: narrow ? 132 : 108,
        align: "right",
        value: (p) => p.last_seen,
        time: true,
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
