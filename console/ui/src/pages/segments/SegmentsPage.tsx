import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Select } from "antd";
import { Plus, Shapes } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { segmentHistoryQuery, segmentsQuery } from "@/api/queries";
import type { Segment } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useLimited, useMay } from "@/app/session";
import { useRuleWords } from "@/components/conditions/useRuleWords";
import { type Column, DataTable } from "@/components/DataTable";
import { LinkButton } from "@/components/LinkButton";
import { Num } from "@/components/Num";
import { PageHeader } from "@/components/PageHeader";
import { Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { SearchField } from "@/components/SearchField";
import { Sparkline } from "@/components/Sparkline";
import { EmptyState } from "@/components/states";
import { useSetSearch } from "@/lib/useSetSearch";
import { SegmentStatus } from "./SegmentStatus";
import "./segments.css";

const route = getRouteApi("/shell/segments");

export function SegmentsPage() {
  const { t } = useTranslation();
  const { q = "", folder } = route.useSearch();
  const setSearch = useSetSearch();
  const navigate = useNavigate();
  const words = useRuleWords();
  const may = useMay("segments:write");
  const query = useQuery({
    ...segmentsQuery,
    refetchInterval: (x) => (x.state.data?.items.some((s) => s.status === "building") ? 1500 : 15_000),
  });
  const rows = useMemo(
    () =>
      query.data?.items.filter(
        (s) =>
          (!folder || s.folder === folder || s.folder.startsWith(`${folder}/`)) &&
          (!q ||
            [s.name, s.description, s.folder, s.owner, ...s.labels]
              .join(" ")
              .toLowerCase()
              .includes(q.toLowerCase())),
      ),
    [query.data, q, folder],
  );
  const folders = useMemo(() => foldersOf(query.data?.items ?? []), [query.data]);
  const create = (primary: boolean) => (
    <LinkButton to="/segments/new" primary={primary} icon={<Plus size={15} />}>
      {t("segments.create")}
    </LinkButton>
  );

  const limited = useLimited();
  const days: Column<Segment> = {
    key: "history",
    title: t("segments.days"),
    width: 116,
    sortable: false,
    value: () => "",
    render: (s) => <HistorySpark segment={s} />,
  };
  const columns: Column<Segment>[] = [
    {
      key: "name",
      title: t("segments.name"),
      width: 260,
      value: (s) => s.name,
      render: (s) => (
        <Link to="/segments/$id" params={{ id: s.id }} className="segment-name">
          <b className="ellipsis" title={s.name}>
            {s.name}
          </b>
          {s.description && (
            <small className="ellipsis" title={s.description}>
              {s.description}
            </small>
          )}
          {s.labels.length > 0 && (
            <span className="segment-labels">
              {s.labels.map((label) => (
                <Pill key={label}>{label}</Pill>
              ))}
            </span>
          )}
        </Link>
      ),
    },
    {
      key: "rule",
      title: t("segments.rule"),
      width: 400,
      sortable: false,
      value: (s) => (s.rule ? words.rule(s.rule) : t("segments.fixed")),
      render: (s) => {
        const text = s.rule ? words.rule(s.rule) : t("segments.fixed");
        return (
          <span className={s.rule ? "" : "muted"} title={text}>
            {text}
          </span>
        );
      },
    },
    {
      key: "members",
      title: t("segments.members"),
      help: t("segments.membersHelp"),
      width: 96,
      align: "right",
      value: (s) => s.members,
      render: (s) => (
        <Link to="/segments/$id" params={{ id: s.id }} search={{ tab: "members" }} className="door">
          <Num value={s.members} />
        </Link>
      ),
    },
    ...(limited ? [] : [days]),
    {
      key: "status",
      title: t("segments.statusTitle"),
      width: 130,
      value: (s) => s.status,
      render: (s) => <SegmentStatus segment={s} />,
    },
    {
      key: "updated",
      title: t("segments.updated"),
      width: 110,
      align: "right",
      value: (s) => s.updated_at,
      time: true,
      render: (s) => <RelativeTime at={s.updated_at} />,
    },
    {
      key: "folder",
      title: t("segments.folder"),
      width: 130,
      optional: true,
      value: (s) => s.folder,
      render: (s) => s.folder,
    },
    {
      key: "owner",
      title: t("segments.owner"),
      width: 120,
      optional: true,
      value: (s) => s.owner,
      render: (s) => s.owner,
    },
    {
      key: "created",
      title: t("segments.created"),
      width: 120,
      align: "right",
      optional: true,
      value: (s) => s.created_at,
      time: true,
      render: (s) => <RelativeTime at={s.created_at} />,
    },
    {
      key: "id",
      title: t("segments.id"),
      width: 180,
      optional: true,
      value: (s) => s.id,
      render: (s) => <code>{s.id}</code>,
    },
  ];

  const none = query.data?.items.length === 0;
  return (
    <div className="page">
      <PageHeader
        title={t("segments.title")}
        about={t("segments.about")}
        actions={may && !none && create(true)}
      />
      <DataTable
        id="segments"
        label={t("segments.title")}
        columns={columns}
        rows={rows}
        rowKey={(s) => s.id}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        defaultSort="-updated"
        onOpen={(s) => void navigate({ to: "/segments/$id", params: { id: s.id } })}
        filters={
          !none && (
            <>
              <SearchField
                value={q}
                onSearch={(text) => setSearch({ q: text })}
                placeholder={t("segments.search")}
              />
              {folders.length > 0 && (
                <Select
                  aria-label={t("segments.folder")}
                  placeholder={t("segments.allFolders")}
                  allowClear
                  value={folder}
                  onChange={(f?: string) => setSearch({ folder: f })}
                  options={folders.map((value) => ({ value, label: value }))}
                  popupMatchSelectWidth={false}
                  style={{ minWidth: 140 }}
                />
              )}
            </>
          )
        }
        empty={
          q || folder ? (
            <EmptyState
              title={t("segments.noneFound", { q: q || (folder ?? "") })}
              hint={t("table.emptyHint")}
            />
          ) : (
            <EmptyState
              icon={<Shapes />}
              title={t("segments.empty")}
              hint={t("segments.emptyHint")}
              action={may && create(true)}
            />
          )
        }
      />
    </div>
  );
}

/** All folders, those above them among them. */
function foldersOf(segments: readonly Segment[]): string[] {
  const found = new Set<string>();
  for (const { folder } of segments) {
    const parts = folder.split("/");
    for (let i = 1; folder && i <= parts.length; i++) found.add(parts.slice(0, i).join("/"));
  }
  return [...found].sort();
}

/** The last 30 days. Asked for when the row comes into view: a hundred segments are not a hundred requests. */
function HistorySpark({ segment }: { segment: Segment }) {
  const { t } = useTranslation();
  const format = useFormat();
  const box = useRef<HTMLSpanElement>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const el = box.current;
    if (!el || seen) return;
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((e) => e.isIntersecting)) setSeen(true);
    });
    observer.observe(el);
    return () => observer.disconnect();
  }, [seen]);
  const days = useQuery({
    ...segmentHistoryQuery(segment.id),
    enabled: seen,
    staleTime: 300_000,
  }).data?.slice(-30);
  return (
    <span ref={box} className="segment-spark">
      {days && days.length > 0 && (
        <Sparkline
          values={days.map((d) => d.members)}
          width={96}
          height={20}
          label={t("segments.sparkLabel", {
            from: format.num(days[0]?.members),
            to: format.num(days.at(-1)?.members),
          })}
        />
      )}
    </span>
  );
}
