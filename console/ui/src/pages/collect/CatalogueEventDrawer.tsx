import { useQuery } from "@tanstack/react-query";
import { Button } from "antd";
import { PencilLine } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { cataloguePropertiesQuery } from "@/api/queries";
import type { CatalogueEvent, CatalogueProperty } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { Named } from "@/components/Named";
import { RelativeTime } from "@/components/RelativeTime";
import { Sparkline } from "@/components/Sparkline";
import { EmptyState } from "@/components/states";
import { useNames } from "@/lib/displayNames";
import { formatJson } from "@/lib/json";
import { useLabels } from "@/lib/labels";
import { startOfDay } from "@/lib/zone";
import { ClassMark, EntryFacts } from "./ClassMark";
import { Examples, Fill } from "./Fill";
import { PlansOfEvent } from "./Planned";

/** One event: its volume, and what its properties look like. */
export function CatalogueEventDrawer(props: {
  name: string | undefined;
  events: CatalogueEvent[] | undefined;
  onClose: () => void;
  onPersons: (event: CatalogueEvent) => void;
  /** Somebody wants to see or say more of the event, or of one of its properties. */
  onEntry: (sort: "event" | "property", name: string) => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const names = useNames();
  const [last, setLast] = useState(props.name);
  if (props.name && props.name !== last) setLast(props.name);
  const name = last ?? "";
  const event = props.events?.find((e) => e.event === name);
  // A day is not a moment: read as one, it would be the day before west of Greenwich.
  const dayName = (day: string | undefined) => format.date(day && startOfDay(day, format.timeZone));
  const query = useQuery({ ...cataloguePropertiesQuery(name), enabled: props.name !== undefined });

  const columns: Column<CatalogueProperty>[] = [
    {
      key: "property",
      title: t("collect.catalogue.property"),
      width: 150,
      value: (p) => p.property,
      render: (p) => <Named sort="property" name={p.property} strong />,
    },
    {
      key: "class",
      title: t("collect.catalogue.class"),
      help: t("collect.catalogue.classHelp"),
      width: 120,
      value: (p) => names.of("property", p.property)?.class ?? "",
      render: (p) => <ClassMark entry={names.of("property", p.property)} />,
    },
    {
      key: "types",
      title: t("collect.catalogue.types"),
      width: 110,
      value: (p) => typesOf(p).join(" "),
      render: (p) => <Types property={p} />,
    },
    {
      key: "fill",
      title: t("collect.catalogue.fill"),
      help: t("collect.catalogue.fillHelp"),
      width: 130,
      value: (p) => p.fill_rate,
      render: (p) => <Fill rate={p.fill_rate} />,
    },
    {
      key: "different",
      title: t("collect.catalogue.different"),
      help: t("collect.catalogue.differentHelp"),
      width: 100,
      align: "right",
      value: (p) => p.ever?.values ?? p.different,
      render: (p) => (
        <span
          title={[
            p.ever &&
              t("collect.catalogue.differentEver", {
                n: format.num(p.ever.values),
                error: format.percent(p.ever.error),
              }),
            t("collect.catalogue.differentOf", {
              different: format.num(p.different),
              values: format.num(p.values),
            }),
          ]
            .filter(Boolean)
            .join("\n")}
        >
          {p.ever ? `≈ ${format.num(p.ever.values)}` : format.num(p.different)}
        </span>
      ),
    },
    {
      key: "unit",
      title: t("collect.catalogue.unit"),
      width: 70,
      value: (p) => names.of("property", p.property)?.unit || p.unit,
      render: (p) => names.of("property", p.property)?.unit || <span className="muted">{p.unit}</span>,
    },
    {
      key: "examples",
      title: t("collect.catalogue.examples"),
      sortable: false,
      value: (p) => p.examples.map((v) => formatJson(v)).join(" "),
      render: (p) => <Examples values={p.examples} />,
    },
  ];

  const classed = query.data?.items.some((p) => names.of("property", p.property)?.class);
  return (
    <DetailDrawer
      open={props.name !== undefined}
      onClose={props.onClose}
      title={labels.event(name)}
      width={880}
      actions={
        <Button icon={<PencilLine size={14} />} onClick={() => props.onEntry("event", name)}>
          {t("collect.catalogue.describe")}
        </Button>
      }
    >
      <div className="stack drawer-stack">
        {event && (
          <>
            <dl className="facts">
              <div>
                <dt>{t("collect.catalogue.count")}</dt>
                <dd>{format.num(event.count)}</dd>
              </div>
              <div>
                <dt>{t("collect.catalogue.persons")}</dt>
                <dd>
                  <button type="button" className="door" onClick={() => props.onPersons(event)}>
                    {format.num(event.persons)}
                  </button>
                </dd>
              </div>
              <div>
                <dt>{t("collect.catalogue.firstSeen")}</dt>
                <dd className="fact-small">
                  <RelativeTime at={event.first_seen} />
                </dd>
              </div>
              <div>
                <dt>{t("collect.catalogue.lastSeen")}</dt>
                <dd className="fact-small">
                  <RelativeTime at={event.last_seen} />
                </dd>
              </div>
            </dl>
            <EntryFacts entry={names.of("event", name)} />
            <PlansOfEvent event={event.event} />
            <section>
              <p className="muted">{t("collect.catalogue.perDay")}</p>
              <Sparkline
                fluid
                width={600}
                height={72}
                values={event.daily.map((d) => d.count)}
                label={event.daily.map((d) => `${d.date}: ${d.count}`).join(", ")}
              />
              <div className="spark-axis">
                <span>{dayName(event.daily[0]?.date)}</span>
                <span>{dayName(event.daily.at(-1)?.date)}</span>
              </div>
            </section>
          </>
        )}
        <section>
          <h3 className="drawer-title">{t("collect.catalogue.properties")}</h3>
          <DataTable
            plain
            id="catalogue-properties"
            label={t("collect.catalogue.properties")}
            columns={columns.filter((c) => c.key !== "class" || classed)}
            rows={query.data?.items}
            rowKey={(p) => p.property}
            onOpen={(p) => props.onEntry("property", p.property)}
            loading={query.isPending}
            error={query.error}
            onRetry={() => void query.refetch()}
            empty={
              <EmptyState
                title={t("collect.catalogue.noProperties")}
                hint={t("collect.catalogue.noPropertiesHint")}
              />
            }
          />
        </section>
      </div>
    </DetailDrawer>
  );
}

function typesOf(p: CatalogueProperty): string[] {
  return Object.entries(p.types)
    .sort((a, b) => b[1] - a[1])
    .map(([type]) => type);
}

/** The usual type; more than one is worth a warning, because reports read only one. */
function Types({ property }: { property: CatalogueProperty }) {
  const { t } = useTranslation();
  const format = useFormat();
  const types = typesOf(property).filter((x) => x !== "null");
  const total = Object.values(property.types).reduce((a, b) => a + b, 0) || 1;
  const shares = typesOf(property).map((x) => `${x} ${format.percent((property.types[x] ?? 0) / total, 0)}`);
  return (
    <code
      className={types.length > 1 ? "types types-mixed" : "types"}
      title={types.length > 1 ? t("collect.catalogue.mixed", { types: format.list(shares) }) : undefined}
    >
      {types.slice(0, 2).join(" | ") || "null"}
    </code>
  );
}
