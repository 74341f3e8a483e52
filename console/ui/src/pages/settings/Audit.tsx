import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Button, Select, Tag } from "antd";
import { ScrollText } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import {
  apiKeysQuery,
  auditFacetsQuery,
  auditQuery,
  importsQuery,
  segmentsQuery,
  sourcesQuery,
  usersQuery,
} from "@/api/queries";
import type { AuditEntry, Rule } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { Json } from "@/components/CodeSnippet";
import { useRuleWords } from "@/components/conditions/useRuleWords";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { ExactTime, RelativeTime } from "@/components/RelativeTime";
import { SearchField } from "@/components/SearchField";
import { EmptyState } from "@/components/states";
import { formatJson } from "@/lib/json";
import { usePages } from "@/lib/usePages";
import { useSetSearch } from "@/lib/useSetSearch";
import { AuditSeal } from "./AuditSeal";
import { actionChoices, auditFilter, detailLines, placeOf, thingOf } from "./auditWords";
import { auditWithin, type SettingsSearch } from "./search";

const route = getRouteApi("/shell/settings");

/** Who changed what, newest first. */
export function Audit() {
  const { t } = useTranslation();
  const format = useFormat();
  const search = route.useSearch();
  const setSearch = useSetSearch();
  const words = useAuditWords();
  const there = useThere();
  const filter = useMemo(() => auditFilter(search, format.timeZone), [search, format.timeZone]);
  const narrowed = Object.keys(filter).length > 0;
  const pages = usePages(useInfiniteQuery(auditQuery(filter)));
  const [open, setOpen] = useState<AuditEntry | null>(null);
  const [last, setLast] = useState<AuditEntry | null>(null);
  if (open && open !== last) setLast(open);
  const clear = () =>
    setSearch({ q: undefined, actor: undefined, action: undefined, target: undefined, within: undefined });
  const columns: Column<AuditEntry>[] = [
    {
      key: "action",
      title: t("settings.audit.action"),
      width: 200,
      value: (a) => words.action(a.action),
      render: (a) => <span title={a.action}>{words.action(a.action)}</span>,
    },
    {
      key: "target",
      title: t("settings.audit.target"),
      width: 260,
      value: (a) => a.target_name || a.target,
      render: (a) => <Target entry={a} there={there} />,
    },
    {
      key: "actor",
      title: t("settings.audit.actor"),
      width: 220,
      value: (a) => words.actor(a.actor),
    },
    {
      key: "time",
      title: t("settings.audit.time"),
      width: 140,
      align: "right",
      value: (a) => a.time,
      time: true,
      render: (a) => <RelativeTime at={a.time} />,
    },
    {
      key: "target_id",
      title: t("settings.audit.targetId"),
      optional: true,
      width: 180,
      value: (a) => a.target,
      render: (a) => <code>{a.target || "–"}</code>,
    },
    {
      key: "request",
      title: t("settings.audit.request"),
      optional: true,
      width: 160,
      value: (a) => a.request_id,
      render: (a) => <code>{a.request_id}</code>,
    },
  ];
  return (
    <>
      <AuditSeal />
      <DataTable
        id="audit"
        label={t("settings.tabs.audit")}
        columns={columns}
        {...pages}
        rowKey={(a) => a.id}
        onOpen={setOpen}
        openKey={open?.id}
        filters={
          <>
            <SearchField
              value={search.q ?? ""}
              onSearch={(q) => setSearch({ q })}
              placeholder={t("settings.audit.search")}
            />
            <Filters search={search} onChange={setSearch} />
            {search.target && (
              <Tag closable onClose={() => setSearch({ target: undefined })}>
                {t("settings.audit.only", {
                  name: pages.rows?.find((a) => a.target === search.target)?.target_name || search.target,
                })}
              </Tag>
            )}
            {narrowed && (
              <Button type="text" size="small" onClick={clear}>
                {t("people.clear")}
              </Button>
            )}
          </>
        }
        empty={
          narrowed ? (
            <EmptyState
              icon={<ScrollText />}
              title={t("settings.audit.none")}
              hint={t("settings.audit.noneHint")}
              action={<Button onClick={clear}>{t("people.clear")}</Button>}
            />
          ) : (
            <EmptyState
              icon={<ScrollText />}
              title={t("settings.audit.empty")}
              hint={t("settings.audit.emptyHint")}
            />
          )
        }
      />
      <DetailDrawer
        open={open !== null}
        onClose={() => setOpen(null)}
        title={
          last && (
            <span className="ellipsis">
              {words.action(last.action)}
              {last.target_name && ` · ${last.target_name}`}
            </span>
          )
        }
      >
        {last && (
          <Details
            entry={last}
            there={there}
            onOnly={() => {
              setOpen(null);
              setSearch({ target: last.target });
            }}
          />
        )}
      </DetailDrawer>
    </>
  );
}

function Filters(props: {
  search: SettingsSearch;
  onChange: (change: Partial<Record<keyof SettingsSearch, string | undefined>>) => void;
}) {
  const { t } = useTranslation();
  const words = useAuditWords();
  const { search } = props;
  const facets = useQuery(auditFacetsQuery).data;
  const actors = (facets?.actors ?? [])
    .filter((a) => a.id !== "")
    .map((a) => ({ value: a.id, label: words.actor(a) }));
  if (search.actor && !actors.some((a) => a.value === search.actor))
    actors.push({ value: search.actor, label: search.actor });
  const known = actionChoices(facets?.actions ?? []);
  if (search.action && !known.includes(search.action)) known.push(search.action);
  return (
    <>
      <Select
        className="pick audit-pick"
        aria-label={t("settings.audit.actor")}
        placeholder={t("settings.audit.actor")}
        allowClear
        showSearch={{ optionFilterProp: "label" }}
        popupMatchSelectWidth={false}
        value={search.actor ?? null}
        onChange={(actor?: string) => props.onChange({ actor })}
        options={actors}
      />
      <Select
        className="pick audit-pick"
        aria-label={t("settings.audit.action")}
        placeholder={t("settings.audit.action")}
        allowClear
        showSearch={{ optionFilterProp: "label" }}
        popupMatchSelectWidth={false}
        value={search.action ?? null}
        onChange={(action?: string) => props.onChange({ action })}
        options={known.map((value) => ({ value, label: words.action(value) }))}
      />
      <Select
        className="pick audit-pick"
        aria-label={t("settings.audit.within")}
        placeholder={t("settings.audit.within")}
        allowClear
        popupMatchSelectWidth={false}
        value={search.within ?? null}
        onChange={(within?: string) => props.onChange({ within })}
        options={auditWithin.map((value) => ({ value, label: t(`settings.audit.since.${value}`) }))}
      />
    </>
  );
}

/** The name a thing had, as a link while it is there. */
function Target({ entry, there }: { entry: AuditEntry; there: (id: string) => boolean }) {
  const place = placeOf(entry, there);
  const words = useAuditWords();
  const name =
    entry.target_name || (place && !entry.target ? words.thing(thingOf(entry.action)) : entry.target);
  if (!name) return <span className="muted">–</span>;
  return place ? (
    <Link {...place} className="text-link ellipsis" title={entry.target}>
      {name}
    </Link>
  ) : (
    <span className="ellipsis" title={entry.target}>
      {name}
    </span>
  );
}

function Details(props: { entry: AuditEntry; there: (id: string) => boolean; onOnly: () => void }) {
  const { t } = useTranslation();
  const { entry } = props;
  const words = useAuditWords();
  const lines = detailLines(entry.detail);
  return (
    <div className="stack drawer-stack">
      <dl className="pairs">
        <dt>{t("settings.audit.actor")}</dt>
        <dd>{words.actor(entry.actor)}</dd>
        <dt>{t("settings.audit.target")}</dt>
        <dd>
          <Target entry={entry} there={props.there} />
        </dd>
        {entry.target && (
          <>
            <dt>{t("settings.audit.targetId")}</dt>
            <dd>
              <code>{entry.target}</code>{" "}
              <Button size="small" type="text" onClick={props.onOnly}>
                {t("settings.audit.history")}
              </Button>
            </dd>
          </>
        )}
        <dt>{t("settings.audit.time")}</dt>
        <dd>
          <ExactTime at={entry.time} />
        </dd>
        <dt>{t("settings.audit.request")}</dt>
        <dd>
          <code>{entry.request_id}</code>
        </dd>
      </dl>
      <section>
        <h3 className="drawer-title">{t("settings.audit.detail")}</h3>
        {lines.length === 0 ? (
          <p className="muted">{t("settings.audit.noDetail")}</p>
        ) : (
          <dl className="pairs" data-testid="audit-detail">
            {lines.map((l) => (
              <Line key={l.key} field={l.key} value={l.value} />
            ))}
          </dl>
        )}
      </section>
      {lines.length > 0 && (
        <details>
          <summary className="muted">{t("settings.audit.json")}</summary>
          <Json value={entry.detail} />
        </details>
      )}
    </div>
  );
}

function Line({ field, value }: { field: string; value: unknown }) {
  const { t } = useTranslation();
  const words = useAuditWords();
  const { rule } = useRuleWords();
  let text: string;
  if (typeof value === "boolean") text = t(value ? "settings.audit.yes" : "settings.audit.no");
  else if (field === "rule" && value) text = rule(value as Rule);
  else if (Array.isArray(value) && value.every((v) => typeof v !== "object"))
    text =
      value.length > 20
        ? t("settings.audit.many", { count: value.length, n: String(value.length) })
        : value.join(", ");
  else text = typeof value === "string" ? value : formatJson(value);
  return (
    <>
      <dt>{words.field(field)}</dt>
      <dd className="audit-value">{text === "" ? <span className="muted">–</span> : text}</dd>
    </>
  );
}

/** Which things are still there, of those that can be opened. Of a list that has more than was read, any may be. */
function useThere(): (id: string) => boolean {
  const mayUsers = useMay("users:read");
  const mayKeys = useMay("keys:read");
  const lists = [
    useQuery(segmentsQuery).data,
    useQuery(sourcesQuery).data,
    useInfiniteQuery(importsQuery).data?.pages.at(-1),
    useQuery({ ...usersQuery, enabled: mayUsers }).data,
    useQuery({ ...apiKeysQuery, enabled: mayKeys }).data,
  ];
  const ids = new Set(lists.flatMap((list) => (list?.items ?? []).map((x) => x.id)));
  const kind = (id: string | undefined) => id?.replace(/_.*$/, "");
  const long = new Set(lists.filter((list) => list?.next_cursor).map((list) => kind(list?.items[0]?.id)));
  return (id) => ids.has(id) || long.has(kind(id));
}

/** Words for the names that the log writes; a name without one stays as it is. */
function useAuditWords() {
  const { t, i18n } = useTranslation();
  return useMemo(() => {
    const word = (key: string, otherwise: string): string =>
      i18n.exists(key) ? (t as (k: string) => string)(key) : otherwise;
    return {
      action: (a: string) =>
        a.endsWith(".*")
          ? t("settings.audit.all", { thing: word(`settings.audit.things.${thingOf(a)}`, thingOf(a)) })
          : word(`settings.audit.actions.${a.replaceAll(".", "_")}`, a),
      thing: (name: string) => word(`settings.audit.things.${name}`, name),
      field: (name: string) => word(`settings.audit.fields.${name}`, name),
      actor: (a: AuditEntry["actor"]) => a.name || word(`settings.audit.actors.${a.kind}`, a.kind),
    };
  }, [t, i18n]);
}
