import { Button, Tooltip } from "antd";
import { Pencil } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Person } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { type Column, DataTable } from "@/components/DataTable";
import { Named } from "@/components/Named";
import { Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { EmptyState } from "@/components/states";
import { Value } from "@/components/Value";
import { useSmall } from "@/lib/useMedia";
import { useSources } from "@/lib/useSources";
import { TraitDrawer } from "./TraitDrawer";

interface TraitRow {
  trait: string;
  value: unknown;
  updated: string | null;
  source: string | null;
}
type Tag = Person["tags"][number];

/** Traits were sent, tags were computed; both say since when and from where. */
export function TraitsTab({ person }: { person: Person }) {
  const { t } = useTranslation();
  const format = useFormat();
  const sources = useSources();
  const small = useSmall();
  const mayCorrect = useMay("people:write");
  const [correcting, setCorrecting] = useState<string>();
  const traits = useMemo<TraitRow[]>(
    () =>
      Object.entries(person.traits).map(([trait, value]) => ({
        trait,
        value,
        updated: person.trait_meta[trait]?.updated_at ?? null,
        source: person.trait_meta[trait]?.source ?? null,
      })),
    [person],
  );
  const traitColumns: Column<TraitRow>[] = [
    {
      key: "trait",
      title: t("people.traits.trait"),
      width: 180,
      value: (r) => r.trait,
      render: (r) => <Named sort="trait" name={r.trait} strong />,
    },
    {
      key: "value",
      title: t("people.traits.value"),
      value: (r) => r.value,
      render: (r) => <Value value={r.value} />,
      sortable: false,
    },
    {
      key: "source",
      title: t("people.traits.source"),
      width: 160,
      value: (r) => (r.source ? sources.nameOf(r.source) : null),
      render: (r) => <span className="muted">{r.source ? sources.nameOf(r.source) : "–"}</span>,
    },
    {
      key: "updated",
      title: t("people.traits.updated"),
      width: 120,
      align: "right",
      value: (r) => r.updated,
      time: true,
      render: (r) => <RelativeTime at={r.updated} />,
    },
  ];
  if (mayCorrect)
    traitColumns.push({
      key: "correct",
      title: t("people.correct.column"),
      width: 64,
      align: "right",
      value: () => "",
      sortable: false,
      render: (r) => (
        <Button
          type="text"
          size="small"
          icon={<Pencil size={14} />}
          aria-label={t("people.correct.title", { trait: r.trait })}
          onClick={() => setCorrecting(r.trait)}
        />
      ),
    });
  const now = Date.now();
  // A telephone shows what and since when; where from is on larger screens.
  const fitting = <T,>(columns: Column<T>[], left: string): Column<T>[] =>
    small
      ? columns
          .filter((c) => c.key !== left)
          .map((c) => (c.width ? { ...c, width: Math.min(c.width, 112) } : c))
      : columns;
  const tagColumns: Column<Tag>[] = [
    {
      key: "tag",
      title: t("people.tags.tag"),
      width: 180,
      value: (r) => r.tag,
      render: (r) => <b className="trait">{r.tag}</b>,
    },
    {
      key: "value",
      title: t("people.tags.value"),
      value: (r) => r.value,
      render: (r) => <Value value={r.value} />,
      sortable: false,
    },
    {
      key: "by",
      title: t("people.tags.by"),
      width: 160,
      value: (r) => r.by,
      render: (r) => <code className="muted">{r.by}</code>,
    },
    {
      key: "computed",
      title: t("people.tags.computed"),
      width: 160,
      align: "right",
      value: (r) => r.computed_at,
      render: (r) => (
        <span className="row" style={{ justifyContent: "flex-end" }}>
          {r.stale_at && Date.parse(r.stale_at) < now && (
            <span title={format.dateTime(r.stale_at)}>
              <Pill tone="warn">{t("people.tags.stale")}</Pill>
            </span>
          )}
          <RelativeTime at={r.computed_at} />
        </span>
      ),
    },
  ];
  return (
    <div className="stack">
      {correcting !== undefined && (
        <TraitDrawer person={person} trait={correcting} onClose={() => setCorrecting(undefined)} />
      )}
      <section className="card">
        <div className="card-head">
          <h2>
            {t("people.traits.title")} <small>{t("people.traits.about")}</small>
          </h2>
          <Tooltip title={mayCorrect ? "" : t("people.menu.mayNot", { needs: "people:write" })}>
            <Button size="small" disabled={!mayCorrect} onClick={() => setCorrecting("")}>
              {t("people.correct.new")}
            </Button>
          </Tooltip>
        </div>
        <DataTable
          plain
          id="person-traits"
          label={t("people.traits.title")}
          columns={fitting(traitColumns, "source")}
          rows={traits}
          rowKey={(r) => r.trait}
          empty={<EmptyState title={t("people.traits.empty")} hint={t("people.traits.emptyHint")} />}
        />
      </section>
      <section className="card">
        <div className="card-head">
          <h2>
            {t("people.tags.title")} <small>{t("people.tags.about")}</small>
          </h2>
        </div>
        <DataTable
          plain
          id="person-tags"
          label={t("people.tags.title")}
          columns={fitting(tagColumns, "by")}
          rows={person.tags}
          rowKey={(r) => r.tag}
          empty={<EmptyState title={t("people.tags.empty")} hint={t("people.tags.emptyHint")} />}
        />
      </section>
    </div>
  );
}
