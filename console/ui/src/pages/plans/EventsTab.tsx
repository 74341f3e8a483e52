import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Button } from "antd";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { Named } from "@/components/Named";
import { Num } from "@/components/Num";
import { Pill } from "@/components/Pill";
import { SearchField } from "@/components/SearchField";
import { EmptyState } from "@/components/states";
import { useLabels } from "@/lib/labels";
import { useSetSearch } from "@/lib/useSetSearch";
import { EventEditor } from "./EventEditor";
import { breachesQuery, type Plan, type PlanDocument, type PlannedEvent } from "./queries";
import { countProperties, freeName, isAbout } from "./schema";

const route = getRouteApi("/shell/plans/$id");

/** The events of the draft. The one that the address names is open in the editor. */
export function EventsTab(props: {
  plan: Plan;
  document: PlanDocument;
  may: boolean;
  /** What the server said of the last save. */
  fault: string | undefined;
  onChange: (next: PlanDocument) => void;
}) {
  const { t } = useTranslation();
  const labels = useLabels();
  const { event: open, q = "" } = route.useSearch();
  const setSearch = useSetSearch();
  const { plan, document, may, fault } = props;
  const breaches = useQuery({ ...breachesQuery(plan.id, 24), enabled: plan.live }).data?.breaches;
  const broken = new Map<string, number>();
  for (const b of breaches ?? []) broken.set(b.event, (broken.get(b.event) ?? 0) + b.count);
  const faulty = (e: PlannedEvent) => fault !== undefined && isAbout(fault, e.name);

  const columns: Column<PlannedEvent>[] = [
    {
      key: "name",
      title: t("plans.event"),
      width: 220,
      value: (e) => e.name,
      render: (e) => (
        <span className="row nowrap">
          <Named sort="event" name={e.name} strong />
          {faulty(e) && <Pill tone="bad">{t("plans.faulty")}</Pill>}
        </span>
      ),
    },
    { key: "display", title: t("plans.displayName"), width: 160, value: (e) => e.display_name || undefined },
    {
      key: "description",
      title: t("plans.description"),
      width: 280,
      value: (e) => e.description || undefined,
      render: (e) => (
        <span className="ellipsis" title={e.description}>
          {e.description || "–"}
        </span>
      ),
    },
    { key: "owner", title: t("plans.owner"), width: 130, value: (e) => e.owner || undefined },
    {
      key: "properties",
      title: t("plans.properties"),
      width: 100,
      align: "right",
      value: (e) => countProperties(e.schema),
      render: (e) => <Num value={countProperties(e.schema)} />,
    },
    {
      key: "breaches",
      title: t("plans.breaches24"),
      help: t("plans.breachesHelp"),
      width: 130,
      align: "right",
      value: (e) => (breaches ? (broken.get(e.name) ?? 0) : undefined),
      render: (e) => <Num value={breaches ? (broken.get(e.name) ?? 0) : undefined} />,
    },
  ];
  const events = document.events;
  const shown = events.filter(
    (e) => !q || `${e.name} ${e.display_name ?? ""}`.toLowerCase().includes(q.toLowerCase()),
  );
  const add = () => {
    const name = freeName(
      events.map((e) => e.name),
      t("plans.newEvent"),
    );
    props.onChange({
      ...document,
      events: [...events, { name, schema: { type: "object", properties: {} } }],
    });
    setSearch({ event: name }, "push");
  };
  const addButton = may && (
    <Button icon={<Plus size={14} />} onClick={add}>
      {t("plans.addEvent")}
    </Button>
  );
  // The address follows a new name a moment later.
  const [renamed, setRenamed] = useState<{ from: string; to: string }>();
  if (renamed && open !== renamed.from) setRenamed(undefined);
  const at = events.findIndex((e) => e.name === (renamed?.from === open ? renamed?.to : open));
  const current = events[at];
  const close = () => setSearch({ event: undefined });
  return (
    <div>
      <DataTable
        id="plan-events"
        label={t("plans.events")}
        columns={columns}
        rows={shown}
        rowKey={(e) => e.name}
        onOpen={(e) => setSearch({ event: e.name }, "push")}
        openKey={open}
        filters={
          events.length > 0 && (
            <SearchField
              value={q}
              onSearch={(text) => setSearch({ q: text })}
              placeholder={t("plans.searchEvents")}
            />
          )
        }
        tools={events.length > 0 && addButton}
        empty={
          q ? (
            <EmptyState title={t("plans.noEvent", { q })} hint={t("table.emptyHint")} />
          ) : (
            <EmptyState title={t("plans.noEvents")} hint={t("plans.noEventsHint")} action={addButton} />
          )
        }
      />
      <DetailDrawer
        open={current !== undefined}
        onClose={close}
        title={current ? labels.event(current.name) : ""}
        width={880}
      >
        {current && (
          <EventEditor
            key={at}
            event={current}
            taken={events.map((e) => e.name)}
            may={may}
            fault={faulty(current) ? fault : undefined}
            onChange={(next) => {
              props.onChange({ ...document, events: events.map((e, i) => (i === at ? next : e)) });
              if (next.name === current.name) return;
              setRenamed({ from: open ?? "", to: next.name });
              setSearch({ event: next.name });
            }}
            onRemove={() => {
              props.onChange({ ...document, events: events.filter((_, i) => i !== at) });
              close();
            }}
          />
        )}
      </DetailDrawer>
    </div>
  );
}
