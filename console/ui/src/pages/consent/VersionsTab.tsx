import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { consentPoliciesQuery, usersQuery } from "@/api/queries";
import { useMay } from "@/app/session";
import { ExactTime } from "@/components/RelativeTime";
import { EmptyState, ErrorState } from "@/components/states";
import { differences, draftOf } from "./policy";

/** All policies that held, and what each changed. */
export function VersionsTab() {
  const { t } = useTranslation();
  const query = useQuery(consentPoliciesQuery);
  const users = useQuery({ ...usersQuery, enabled: useMay("users:read") }).data?.items;
  const [chosen, choose] = useState<number>();
  const items = query.data?.items;
  if (query.error && !items) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!items) return <span className="bone" style={{ width: "100%", height: 160 }} />;
  if (items.length === 0)
    return (
      <section className="card">
        <EmptyState title={t("consent.noVersions")} />
      </section>
    );
  const at = Math.max(
    0,
    items.findIndex((v) => v.version === chosen),
  );
  const changes = differences(draftOf(items[at + 1]?.policy), draftOf(items[at]?.policy));
  return (
    <div className="consent-versions">
      <section className="card">
        <ul aria-label={t("consent.tabs.versions")}>
          {items.map((v, i) => (
            <li key={v.version}>
              <button type="button" aria-pressed={i === at} onClick={() => choose(v.version)}>
                <b>
                  <ExactTime at={v.set_at} />
                </b>
                {v.note && <span>{v.note}</span>}
                <small className="muted">{users?.find((u) => u.id === v.actor)?.email ?? v.actor}</small>
              </button>
            </li>
          ))}
        </ul>
      </section>
      <section className="card card-pad stack">
        <h2>{t("consent.whatChanged")}</h2>
        {changes.length === 0 && <p className="muted">{t("consent.nothingChanged")}</p>}
        {changes.map((c) => (
          <div key={`${c.purpose} ${c.field} ${c.lang ?? ""}`} className="consent-change">
            <b>
              {c.purpose} · {t(`consent.changed.${c.field}`)}
              {c.lang && ` (${t(`consent.${c.lang}`)})`}
            </b>
            {c.from && <del>{c.from}</del>}
            {c.to && <ins>{c.to}</ins>}
          </div>
        ))}
      </section>
    </div>
  );
}
