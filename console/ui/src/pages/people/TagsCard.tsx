import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Button, Tooltip } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Person } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { type Column, DataTable } from "@/components/DataTable";
import { Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { EmptyState } from "@/components/states";
import { Value } from "@/components/Value";
import { useSmall } from "@/lib/useMedia";
import { GiveTag } from "@/pages/tags/GiveTag";
import { type PersonTag, personTagsQuery } from "@/pages/tags/queries";

/** What was computed about somebody: the value, by what, since when, and until when it holds. */
export function TagsCard({ person }: { person: Person }) {
  const { t } = useTranslation();
  const small = useSmall();
  const mayGive = useMay("tags:give");
  const [giving, setGiving] = useState<{ tag?: string }>();
  const query = useQuery(personTagsQuery(person.id));
  const columns: Column<PersonTag>[] = [
    {
      key: "tag",
      title: t("people.tags.tag"),
      width: small ? 112 : 160,
      value: (r) => r.name,
      render: (r) => (
        <Link to="/tags" search={{ tag: r.id }} className="door" title={`tag.${r.key}`}>
          <b>{r.name}</b>
        </Link>
      ),
    },
    {
      key: "value",
      title: t("people.tags.value"),
      value: (r) => r.value,
      render: (r) => <TagValue tag={r} />,
      sortable: false,
    },
    {
      key: "by",
      title: t("people.tags.by"),
      width: 140,
      value: (r) => r.kind,
      render: (r) => (
        <span className="muted">
          {t(`tags.kinds.${r.kind}`)}
          {r.origin ? ` · ${r.origin}` : ` · ${t("tags.version", { n: r.version })}`}
        </span>
      ),
    },
    {
      key: "computed",
      title: t("people.tags.computed"),
      width: 96,
      align: "right",
      value: (r) => r.since,
      time: true,
      render: (r) => <RelativeTime at={r.since} />,
    },
    {
      key: "until",
      title: t("people.tags.until"),
      width: 150,
      align: "right",
      value: (r) => r.expires_at ?? r.stale_at,
      render: (r) => <Until tag={r} />,
    },
  ];
  return (
    <section className="card">
      {giving && <GiveTag person={person.id} tag={giving.tag} onClose={() => setGiving(undefined)} />}
      <div className="card-head">
        <h2>
          {t("people.tags.title")} <small>{t("people.tags.about")}</small>
        </h2>
        <Tooltip title={mayGive ? "" : t("people.menu.mayNot", { needs: "tags:give" })}>
          <Button size="small" disabled={!mayGive} onClick={() => setGiving({})}>
            {t("tags.give.one")}
          </Button>
        </Tooltip>
      </div>
      <DataTable
        plain
        id="person-tags"
        label={t("people.tags.title")}
        columns={small ? columns.filter((c) => c.key !== "by" && c.key !== "until") : columns}
        rows={query.data?.items}
        rowKey={(r) => r.id}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        empty={<EmptyState title={t("people.tags.empty")} hint={t("people.tags.emptyHint")} />}
      />
    </section>
  );
}

/** A value, and of an interest how strong it is beside the next ones. */
function TagValue({ tag }: { tag: PersonTag }) {
  const format = useFormat();
  if (!tag.scores?.length) return <Value value={tag.value} />;
  return (
    <span>
      <Value value={tag.value} />{" "}
      <small className="muted">
        {tag.scores
          .slice(0, 3)
          .map((s) => `${s.item} ${format.num(s.score, 1)}`)
          .join(" · ")}
      </small>
    </span>
  );
}

/** Until when a value holds, or when it goes stale; live ones do neither. */
function Until({ tag }: { tag: PersonTag }) {
  const { t } = useTranslation();
  if (tag.stale)
    return (
      <span className="row" style={{ justifyContent: "flex-end" }}>
        <Pill tone="warn">{t("people.tags.stale")}</Pill>
        <RelativeTime at={tag.stale_at} />
      </span>
    );
  if (tag.expires_at && tag.kind !== "interest")
    return (
      <span className="muted">
        {t("people.tags.ends")} <RelativeTime at={tag.expires_at} />
      </span>
    );
  if (tag.stale_at)
    return (
      <span className="muted">
        {t("people.tags.goesStale")} <RelativeTime at={tag.stale_at} />
      </span>
    );
  return (
    <span className="muted">
      {tag.kind === "rule" || tag.kind === "interest" ? t("tags.live") : t("people.tags.holds")}
    </span>
  );
}
