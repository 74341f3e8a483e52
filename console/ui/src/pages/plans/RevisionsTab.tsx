import { useQuery } from "@tanstack/react-query";
import { Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { usersQuery } from "@/api/queries";
import { useMay } from "@/app/session";
import { Pill } from "@/components/Pill";
import { ExactTime } from "@/components/RelativeTime";
import { EmptyState, ErrorState } from "@/components/states";
import { DifferenceList, emptyDocument, useSourceNames } from "./parts";
import { type Plan, revisionsQuery } from "./queries";

/** All that was published, and what is different between any two. */
export function RevisionsTab({ plan }: { plan: Plan }) {
  const { t } = useTranslation();
  const names = useSourceNames();
  const query = useQuery(revisionsQuery(plan.id));
  const mayUsers = useMay("users:read");
  const users = useQuery({ ...usersQuery, enabled: mayUsers }).data?.items;
  const items = query.data?.items;
  const [pair, setPair] = useState<{ from?: number; to?: number }>({});
  if (query.error && !items)
    return (
      <section className="card">
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      </section>
    );
  if (!items) return <span className="bone" style={{ width: "100%", height: 160 }} />;
  if (items.length === 0)
    return (
      <section className="card">
        <EmptyState title={t("plans.revisions.empty")} hint={t("plans.revisions.emptyHint")} />
      </section>
    );
  const to = pair.to ?? items[0]?.revision ?? 0;
  const from = pair.from ?? to - 1;
  const documentOf = (n: number) => items.find((r) => r.revision === n)?.document ?? emptyDocument;
  const options = [
    ...items.map((r) => ({ value: r.revision, label: t("plans.revisionN", { n: r.revision }) })),
    { value: 0, label: t("plans.revisions.nothing") },
  ];
  return (
    <div className="plan-revisions">
      <section className="card">
        <ul aria-label={t("plans.tabs.revisions")}>
          {items.map((r) => (
            <li key={r.revision}>
              <button
                type="button"
                aria-pressed={r.revision === to}
                onClick={() => setPair({ from: r.revision - 1, to: r.revision })}
              >
                <span className="row">
                  <b>{t("plans.revisionN", { n: r.revision })}</b>
                  {plan.live && r.revision === plan.revision && (
                    <Pill tone="good" dot>
                      {t("plans.state.live")}
                    </Pill>
                  )}
                </span>
                {r.note && <span>{r.note}</span>}
                <small className="muted">
                  <ExactTime at={r.published_at} />
                  {r.actor && ` · ${users?.find((u) => u.id === r.actor)?.email ?? r.actor}`} ·{" "}
                  {names(r.sources)}
                </small>
              </button>
            </li>
          ))}
        </ul>
      </section>
      <section className="card card-pad stack">
        <div className="row">
          <Select
            aria-label={t("plans.revisions.from")}
            value={from}
            onChange={(n: number) => setPair({ from: n, to })}
            options={options}
          />
          <span aria-hidden="true">→</span>
          <Select
            aria-label={t("plans.revisions.to")}
            value={to}
            onChange={(n: number) => setPair({ from, to: n })}
            options={options}
          />
        </div>
        <DifferenceList before={documentOf(from)} after={documentOf(to)} />
      </section>
    </div>
  );
}
