import { useQuery } from "@tanstack/react-query";
import { Alert, Button } from "antd";
import { FlaskConical } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { type Column, DataTable } from "@/components/DataTable";
import { Named } from "@/components/Named";
import { EmptyState, ErrorState } from "@/components/states";
import { formatJson } from "@/lib/json";
import { useLabels } from "@/lib/labels";
import { ActionPill } from "./parts";
import { type Plan, type Preview, previewQuery } from "./queries";
import { usePlanWords } from "./words";

type Found = Preview["breaches"][number];

/** What the draft would do to the latest events. It is asked for, as it reads many of them. */
export function PreviewTab(props: { plan: Plan; unsaved: boolean; onSave: (() => void) | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { plan, unsaved } = props;
  const [asked, setAsked] = useState<number>();
  const query = useQuery({ ...previewQuery(plan.id, plan.version), enabled: asked === plan.version });
  const preview = query.data;
  const run = () => {
    if (asked === plan.version) void query.refetch();
    setAsked(plan.version);
  };
  const button = (
    <Button
      type={preview ? "default" : "primary"}
      icon={<FlaskConical size={14} />}
      loading={query.isFetching}
      disabled={plan.events === 0}
      onClick={run}
    >
      {t(preview ? "plans.preview.again" : "plans.preview.run")}
    </Button>
  );
  return (
    <div className="stack">
      {unsaved && (
        <Alert
          type="info"
          showIcon
          title={t("plans.preview.unsaved")}
          action={
            props.onSave && (
              <Button size="small" onClick={props.onSave}>
                {t("action.save")}
              </Button>
            )
          }
        />
      )}
      {query.error && !preview ? (
        <section className="card">
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        </section>
      ) : preview ? (
        <>
          <section className="card card-pad row">
            <dl className="facts" data-testid="plan-preview">
              <Fact label={t("plans.preview.events")} value={format.num(preview.events)} />
              <Fact
                label={t("plans.preview.broken")}
                value={format.num(preview.broken)}
                note={share(preview.broken, preview.events, format.percent)}
              />
              <Fact
                label={t("plans.preview.setAside")}
                value={format.num(preview.set_aside)}
                note={share(preview.set_aside, preview.events, format.percent)}
              />
            </dl>
            <span className="push-right">{button}</span>
          </section>
          <div>
            <Table rows={preview.breaches} events={preview.events} />
          </div>
        </>
      ) : (
        <section className="card">
          <EmptyState
            icon={<FlaskConical />}
            title={t("plans.preview.title")}
            hint={t("plans.preview.hint")}
            action={button}
          />
        </section>
      )}
    </div>
  );
}

const share = (n: number, of: number, percent: (share: number, digits?: number) => string) =>
  of > 0 ? percent(n / of, 1) : "";

function Fact({ label, value, note }: { label: string; value: string; note?: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        {value} {note && <small className="muted plan-share">{note}</small>}
      </dd>
    </div>
  );
}

function Table({ rows, events }: { rows: readonly Found[]; events: number }) {
  const { t } = useTranslation();
  const words = usePlanWords();
  const labels = useLabels();
  const format = useFormat();
  const examples = (b: Found) => b.examples.map((v) => formatJson(v)).join(" · ");
  const columns: Column<Found>[] = [
    {
      key: "event",
      title: t("plans.event"),
      width: 180,
      value: (b) => labels.event(b.event),
      render: (b) => <Named sort="event" name={b.event} />,
    },
    {
      key: "path",
      title: t("plans.property"),
      width: 160,
      value: (b) => b.path || undefined,
      render: (b) => (b.path ? <Named sort="property" name={b.path} code /> : "–"),
    },
    { key: "rule", title: t("plans.breach"), width: 150, value: (b) => words.rule(b.rule) },
    {
      key: "wanted",
      title: t("plans.wantedTitle"),
      width: 180,
      value: (b) => (b.wanted ? words.wanted(b.wanted) : undefined),
    },
    {
      key: "examples",
      title: t("plans.examples"),
      width: 220,
      sortable: false,
      value: examples,
      render: (b) => (
        <code className="ellipsis" title={examples(b)}>
          {examples(b) || "–"}
        </code>
      ),
    },
    {
      key: "action",
      title: t("plans.becomesTitle"),
      width: 130,
      value: (b) => words.action(b.action),
      render: (b) => <ActionPill action={b.action} />,
    },
    {
      key: "count",
      title: t("plans.eventCount"),
      width: 110,
      align: "right",
      value: (b) => b.count,
      render: (b) => format.num(b.count),
    },
  ];
  return (
    <DataTable
      id="plan-preview"
      label={t("plans.tabs.preview")}
      columns={columns}
      rows={[...rows]}
      rowKey={(b) => `${b.event} ${b.path} ${b.rule} ${b.action}`}
      defaultSort="-count"
      empty={
        events > 0 ? (
          <EmptyState title={t("plans.preview.clean")} hint={t("plans.preview.cleanHint")} />
        ) : (
          <EmptyState title={t("plans.preview.noEvents")} hint={t("plans.preview.noEventsHint")} />
        )
      }
    />
  );
}
