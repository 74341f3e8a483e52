import { Button, Tooltip } from "antd";
import { Pencil } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Person } from "@/api/types";
import { useMay } from "@/app/session";
import { type Column, DataTable } from "@/components/DataTable";
import { Named } from "@/components/Named";
import { RelativeTime } from "@/components/RelativeTime";
import { EmptyState } from "@/components/states";
import { Value } from "@/components/Value";
import { useSmall } from "@/lib/useMedia";
import { useSources } from "@/lib/useSources";
import { TagsCard } from "./TagsCard";
import { TraitDrawer } from "./TraitDrawer";

interface TraitRow {
  trait: string;
  value: unknown;
  updated: string | null;
  source: string | null;
}

/** Traits were sent, tags were computed; both say since when and from where. */
export function TraitsTab({ person }: { person: Person }) {
  const { t } = useTranslation();
  const sources = useSources();
  const small = useSmall();
  const [mayCorrect, mayTags] = [useMay("people:write"), useMay("tags:read")];
  const [correcting, setCorrecting] = useState<string>();
  const traits = useMemo<TraitRow[]>(
    () =>
      Object.entries(person.traits)
        .filter(([trait]) => !(mayTags && trait.startsWith("tag."))) // they stand among the tags
        .map(([trait, value]) => ({
          trait,
          value,
          updated: person.trait_meta[trait]?.updated_at ?? null,
          source: person.trait_meta[trait]?.source ?? null,
        })),
    [person, mayTags],
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
  // A telephone shows what and since when; where from is on larger screens.
  const fitting = <T,>(columns: Column<T>[], left: string): Column<T>[] =>
    small
      ? columns
          .filter((c) => c.key !== left)
          .map((c) => (c.width ? { ...c, width: Math.min(c.width, 112) } : c))
      : columns;
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
      {mayTags && <TagsCard person={person} />}
    </div>
  );
}
