import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { App, Button, Tabs } from "antd";
import {
  ArrowDownLeft,
  ArrowUpRight,
  ChartNoAxesCombined,
  Pencil,
  Trash2,
  UsersRound,
  Webhook,
} from "lucide-react";
import { lazy, Suspense, useEffect, useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import {
  segmentChangesQuery,
  segmentConsentQuery,
  segmentHistoryQuery,
  segmentMembersQuery,
  segmentQuery,
  segmentsQuery,
} from "@/api/queries";
import type {
  ConsentReason,
  LiveChange,
  Segment,
  SegmentChange,
  SegmentHistoryDay,
  SegmentMember,
} from "@/api/types";
import { useFormat } from "@/app/appearance";
import { Refused } from "@/app/Refused";
import { useLimited, useMay } from "@/app/session";
import { Chart } from "@/components/Chart";
import { ConfirmButton } from "@/components/ConfirmButton";
import { useRuleWords } from "@/components/conditions/useRuleWords";
import { type Column, DataTable } from "@/components/DataTable";
import { ExportPeople } from "@/components/ExportPeople";
import { LinkButton } from "@/components/LinkButton";
import { LiveStatus } from "@/components/LiveStatus";
import { Num } from "@/components/Num";
import { PageHeader } from "@/components/PageHeader";
import { PersonLink } from "@/components/PersonLink";
import { Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { EmptyState, ErrorState } from "@/components/states";
import { Uses } from "@/components/Uses";
import { segmentsIn } from "@/lib/rule";
import { useLiveList } from "@/lib/useLive";
import { usePages } from "@/lib/usePages";
import { usePurposes } from "@/lib/usePurposes";
import { useSetSearch } from "@/lib/useSetSearch";
import { useWrite } from "@/lib/useWrite";
import { startOfDay } from "@/lib/zone";
import { usePersonColumns } from "@/pages/people/PeoplePage";
import { GiveTagButton } from "@/pages/tags/GiveTag";
import { ExportJob } from "./ExportJob";
import { segmentOriginQuery } from "./explorer/queries";
import type { ExplorerSearch } from "./explorer/search";
import { useSizeOption } from "./explorer/useSizeOption";
import { DuplicateButton, OrganiseButton } from "./OrganiseButton";
import { SegmentStatus } from "./SegmentStatus";
import { VersionsTab } from "./VersionsTab";
import "./segments.css";

const route = getRouteApi("/shell/segments/$id");

const Explorer = lazy(() => import("./explorer/Explorer").then((m) => ({ default: m.Explorer })));

export function SegmentPage() {
  const { t } = useTranslation();
  const { id } = route.useParams();
  const search = route.useSearch();
  const { tab = "explore" } = search;
  const setSearch = useSetSearch();
  const client = useQueryClient();
  const live = useLiveList<LiveChange>(
    `/api/v1/live/changes?segment=${encodeURIComponent(id)}`,
    (c) => `${c.kind} ${c.person} ${c.time}`,
  );
  const query = useQuery({
    ...segmentQuery(id),
    refetchInterval: (x) => (x.state.data?.status === "building" ? 1000 : 10_000),
  });
  // Someone came or went: the count follows, at most once in two seconds.
  const arrived = live.items[0]?.time;
  const asked = useRef(0);
  useEffect(() => {
    if (!arrived) return;
    const wait = Math.max(0, asked.current + 2000 - Date.now());
    const timer = setTimeout(() => {
      asked.current = Date.now();
      void client.invalidateQueries({ queryKey: ["segments", id], exact: true });
    }, wait);
    return () => clearTimeout(timer);
  }, [arrived, client, id]);

  const limited = useLimited();
  const s = query.data;
  if (query.error && !s)
    return (
      <div className="page">
        <PageHeader title={t("segments.title")} />
        <div className="card">
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        </div>
      </div>
    );
  return (
    <div className="page">
      <Header segment={s} />
      {s?.status === "failed" && (
        <div className="segment-note" data-tone="bad" role="alert">
          {t("segments.failedBecause", { why: s.failure ?? "" })}
        </div>
      )}
      {s && s.draft > 0 && (
        <div className="segment-note" data-tone="warn">
          {t("segments.draftWaits", { n: s.draft })}{" "}
          <button type="button" className="door" onClick={() => setSearch({ tab: "versions" })}>
            {t("segments.draftShow")}
          </button>
        </div>
      )}
      <Tabs
        activeKey={tab}
        destroyOnHidden
        onChange={(key) => setSearch({ tab: key === "explore" ? undefined : key, sort: undefined })}
        items={[
          {
            key: "explore",
            label: t("explorer.tab"),
            children: s && <Explore segment={s} search={search} />,
          },
          { key: "members", label: t("segments.tabs.members"), children: <Members id={id} segment={s} /> },
          {
            key: "changes",
            label: t("segments.tabs.changes"),
            children: <Changes id={id} live={live.items} state={live.state} />,
          },
          ...(limited
            ? [] // the days are kept for everybody
            : [{ key: "history", label: t("segments.tabs.history"), children: <History id={id} /> }]),
          {
            key: "versions",
            label: t("segments.tabs.versions"),
            children: s && <VersionsTab segment={s} />,
          },
        ]}
      />
      {limited && tab === "history" && <Refused needed={undefined} everybody />}
    </div>
  );
}

function Explore({ segment, search }: { segment: Segment; search: ExplorerSearch }) {
  const { t } = useTranslation();
  const { id } = segment;
  const who = useMemo(() => ({ segment: id }), [id]);
  const mayPush = useMay("webhooks:write");
  return (
    <Suspense fallback={<div aria-busy="true" />}>
      <Explorer
        who={who}
        name={segment.name}
        rule={segment.rule}
        segment={segment}
        search={search}
        actions={
          <>
            <ExportJob id={id} segment={segment} />
            {mayPush && (
              <LinkButton to="/webhooks" search={{ create: true, segment: id }} icon={<Webhook size={14} />}>
                {t("explorer.push")}
              </LinkButton>
            )}
          </>
        }
      />
    </Suspense>
  );
}

function Header({ segment: s }: { segment: Segment | undefined }) {
  const { t } = useTranslation();
  const words = useRuleWords();
  const may = useMay("segments:write");
  if (!s)
    return (
      <header className="page-head" aria-busy="true">
        <div>
          <h1>
            <span className="bone" style={{ width: 220, height: 20 }} />
          </h1>
          <p>
            <span className="bone" style={{ width: 420 }} />
          </p>
        </div>
      </header>
    );
  return (
    <>
      <PageHeader
        title={s.name}
        about={s.description || undefined}
        actions={
          <>
            {may && <DeleteButton segment={s} />}
            {may && <OrganiseButton segment={s} />}
            {may && <DuplicateButton segment={s} />}
            <GiveTagButton segment={s.id} />
            <LinkButton to="/analytics" search={{ segment: s.id }} icon={<ChartNoAxesCombined size={15} />}>
              {t("segments.analyse")}
            </LinkButton>
            {may && (
              <LinkButton to="/segments/$id/edit" params={{ id: s.id }} primary icon={<Pencil size={14} />}>
                {t("segments.edit")}
              </LinkButton>
            )}
          </>
        }
      />
      <section className="card segment-head" aria-label={t("segments.summary")}>
        <dl>
          <dt>{t("segments.members")}</dt>
          <dd className="segment-count" data-testid="segment-members">
            <Link to="/segments/$id" params={{ id: s.id }} search={{ tab: "members" }} className="door">
              <Num value={s.members} />
            </Link>
          </dd>
        </dl>
        <dl className="segment-head-rule">
          <dt>{t("segments.rule")}</dt>
          <dd data-testid="segment-rule">{s.rule ? words.rule(s.rule) : <FixedHint id={s.id} />}</dd>
        </dl>
        <HeldBack segment={s} />
        <dl>
          <dt>{t("segments.statusTitle")}</dt>
          <dd>
            <SegmentStatus segment={s} />
          </dd>
        </dl>
        {(s.folder || s.owner || s.labels.length > 0) && (
          <dl data-testid="segment-place">
            <dt>{t("segments.place")}</dt>
            <dd className="segment-place">
              {s.folder && <span>{s.folder}</span>}
              {s.owner && <span>{s.owner}</span>}
              {s.labels.map((label) => (
                <Pill key={label}>{label}</Pill>
              ))}
            </dd>
          </dl>
        )}
        <dl>
          <dt>{t("segments.since")}</dt>
          <dd>
            <RelativeTime at={s.created_at} />
          </dd>
        </dl>
        <dl>
          <dt>{t("segments.updated")}</dt>
          <dd>
            <RelativeTime at={s.updated_at} />
          </dd>
        </dl>
      </section>
    </>
  );
}

/** What a fixed list was made from, where that is known. */
function FixedHint({ id }: { id: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const words = useRuleWords();
  const origin = useQuery(segmentOriginQuery(id)).data?.origin;
  if (!origin) return t("segments.fixedHint");
  const name = origin.name || (origin.rule ? words.rule(origin.rule) : "");
  const text = t("explorer.freeze.origin", { name, date: format.dateTime(origin.at) });
  return origin.segment ? (
    <Link to="/segments/$id" params={{ id: origin.segment }} className="door">
      {text}
    </Link>
  ) : (
    text
  );
}

/** How many members consent holds back from what the segment serves; nothing while nobody is asked. */
function HeldBack({ segment: s }: { segment: Segment }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { nameOf } = usePurposes();
  const held = useQuery({ ...segmentConsentQuery(s.id), enabled: s.members > 0 }).data;
  if (!held || (held.purpose === "" && held.reasons.no_purpose === undefined)) return null;
  const n = held.non_personalised + held.refused;
  const why = Object.entries(held.reasons)
    .map(([reason, count]) => `${t(`consent.reason.${reason as ConsentReason}`)}: ${format.num(count)}`)
    .join(" · ");
  return (
    <dl>
      <dt>{t("segments.heldBack")}</dt>
      <dd data-testid="segment-held" title={why || undefined}>
        {t("segments.heldOf", { n: format.num(n), of: format.num(held.members) + (held.more ? "+" : "") })}
        <span className="muted"> · {held.purpose ? nameOf(held.purpose) : t("consent.nobody")}</span>
        {held.non_personalised > 0 && (
          <span className="muted">
            {" "}
            · {t("segments.heldGeneric", { n: format.num(held.non_personalised) })}
          </span>
        )}
      </dd>
    </dl>
  );
}

function DeleteButton({ segment }: { segment: Segment }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { modal, message } = App.useApp();
  const navigate = useNavigate();
  const client = useQueryClient();
  const all = useQuery(segmentsQuery).data?.items ?? [];
  const users = all.filter((s) => s.id !== segment.id && segmentsIn(s.rule).includes(segment.id));
  const remove = useWrite({
    mutationFn: () => data(api.DELETE("/api/v1/segments/{id}", { params: { path: { id: segment.id } } })),
    onSuccess: async () => {
      await navigate({ to: "/segments" });
      client.removeQueries({ queryKey: ["segments", segment.id] });
      void client.invalidateQueries({ queryKey: ["segments"] });
      message.success(t("segments.deleted", { name: segment.name }));
    },
  });
  if (users.length > 0)
    return (
      <Button
        danger
        type="text"
        icon={<Trash2 size={14} />}
        onClick={() =>
          modal.info({
            title: t("segments.inUse", { name: segment.name }),
            content: (
              <>
                <p>{t("segments.inUseHint")}</p>
                <ul className="segment-users">
                  {users.map((u) => (
                    <li key={u.id}>{u.name}</li>
                  ))}
                </ul>
              </>
            ),
            okText: t("action.close"),
            icon: null,
          })
        }
      >
        {t("action.delete")}
      </Button>
    );
  return (
    <ConfirmButton
      does="delete"
      title={t("segments.deleteTitle", { name: segment.name })}
      text={
        <>
          <p>{t("segments.deleteHint", { count: segment.members, n: format.num(segment.members) })}</p>
          <Uses asked={{ sort: "segment", name: segment.id }} />
        </>
      }
      ok={t("action.delete")}
      run={() => remove.mutateAsync()}
      pending={remove.isPending}
    >
      {t("action.delete")}
    </ConfirmButton>
  );
}

const exportLimit = 100_000;

function Members({ id, segment }: { id: string; segment: Segment | undefined }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const person = usePersonColumns();
  const pages = usePages(useInfiniteQuery(segmentMembersQuery(id)));

  const columns = useMemo(() => {
    const entered: Column<SegmentMember> = {
      key: "entered",
      title: t("segments.entered"),
      help: t("segments.enteredHelp"),
      width: 130,
      align: "right",
      value: (m) => m.entered_at,
      time: true,
      render: (m) => <RelativeTime at={m.entered_at} />,
    };
    const [first, ...rest] = person as Column<SegmentMember>[];
    return first ? [first, entered, ...rest] : [entered];
  }, [person, t]);

  return (
    <DataTable
      ofPeople
      id="segment-members"
      label={t("segments.tabs.members")}
      columns={columns}
      {...pages}
      rowKey={(m) => m.id}
      onOpen={(m) => void navigate({ to: "/people/$ref", params: { ref: m.id } })}
      tools={
        <>
          <ExportJob id={id} segment={segment} />
          <ExportPeople
            text
            name={segment?.name ?? id}
            label={t("segments.exportAll")}
            limit={exportLimit}
            disabled={!pages.rows?.length}
            load={(cursor) =>
              data(
                api.GET("/api/v1/segments/{id}/members", {
                  params: {
                    path: { id },
                    query: { limit: 500, ...(cursor ? { cursor } : {}) },
                    header: { "Touchstone-Purpose": "*" },
                  },
                }),
              )
            }
          />
        </>
      }
      empty={
        <EmptyState
          icon={<UsersRound />}
          title={t(segment?.status === "building" ? "segments.noMembersYet" : "segments.noMembers")}
          hint={t(segment?.status === "building" ? "segments.noMembersYetHint" : "segments.noMembersHint")}
        />
      }
    />
  );
}

function Changes({
  id,
  live,
  state,
}: {
  id: string;
  live: LiveChange[];
  state: ReturnType<typeof useLiveList>["state"];
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const pages = usePages(useInfiniteQuery(segmentChangesQuery(id)));
  const rows = useMemo(() => {
    const fresh = live
      .filter((c) => c.segment?.id === id)
      .map(
        (c): SegmentChange => ({
          person: c.person,
          name: c.name,
          time: c.time,
          kind: c.kind === "segment_left" ? "left" : "entered",
        }),
      );
    const seen = new Set<string>();
    return [...fresh, ...(pages.rows ?? [])].filter((c) => {
      const key = `${c.person} ${c.kind} ${c.time}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    });
  }, [live, pages.rows, id]);

  if (pages.error && !pages.rows)
    return (
      <div className="card">
        <ErrorState error={pages.error} onRetry={pages.onRetry} />
      </div>
    );
  return (
    <div className="card">
      <div className="card-head">
        <h2>{t("segments.changesTitle")}</h2>
        <LiveStatus state={state} />
      </div>
      {!pages.loading && rows.length === 0 ? (
        <EmptyState title={t("segments.noChanges")} hint={t("segments.noChangesHint")} />
      ) : (
        <ul className="changes" aria-busy={pages.loading} aria-live="polite">
          {(pages.loading ? Array.from({ length: 8 }, () => null) : rows).map((c, i) =>
            c ? (
              <li key={`${c.person} ${c.kind} ${c.time}`} data-kind={c.kind}>
                {c.kind === "entered" ? <ArrowDownLeft size={15} /> : <ArrowUpRight size={15} />}
                <span>{t(`segments.change.${c.kind}`)}</span>
                <PersonLink person={{ id: c.person, name: c.name }} avatar />
                <span className="muted num" title={format.dateTime(c.time)}>
                  <RelativeTime at={c.time} />
                </span>
              </li>
            ) : (
              // biome-ignore lint/suspicious/noArrayIndexKey: bones have no identity
              <li key={i}>
                <span className="bone" style={{ width: 14 }} />
                <span className="bone" style={{ width: 40 }} />
                <span className="bone" style={{ width: 160 }} />
                <span className="bone" style={{ width: 64 }} />
              </li>
            ),
          )}
        </ul>
      )}
      {pages.more.has && (
        <div className="table-more">
          <Button size="small" loading={pages.more.loading} onClick={pages.more.load}>
            {t("action.more")}
          </Button>
        </div>
      )}
    </div>
  );
}

function History({ id }: { id: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery(segmentHistoryQuery(id));
  const days = query.data;
  const points = useMemo(
    () => days?.map((d) => ({ ...d, label: format.day(startOfDay(d.date, format.timeZone)) })),
    [days, format],
  );
  const option = useSizeOption(points);
  const columns: Column<SegmentHistoryDay>[] = [
    { key: "date", title: t("segments.date"), value: (d) => d.date },
    {
      key: "members",
      title: t("segments.members"),
      align: "right",
      value: (d) => d.members,
      render: (d) => <Num value={d.members} />,
    },
    {
      key: "entered",
      title: t("segments.change.entered"),
      align: "right",
      value: (d) => d.entered,
      render: (d) => <Num value={d.entered} />,
    },
    {
      key: "left",
      title: t("segments.change.left"),
      align: "right",
      value: (d) => d.left,
      render: (d) => <Num value={d.left} />,
    },
  ];
  return (
    <div className="card card-pad">
      <Chart
        label={t("segments.historyLabel")}
        option={option}
        height={380}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        empty={days?.length === 0}
        emptyHint={t("segments.noHistoryHint")}
        table={
          <DataTable
            plain
            id="segment-history"
            label={t("segments.tabs.history")}
            columns={columns}
            rows={days}
            rowKey={(d) => d.date}
            defaultSort="-date"
          />
        }
      />
    </div>
  );
}
