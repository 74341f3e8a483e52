import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { personHouseholdsQuery } from "@/api/queries";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { Pill } from "@/components/Pill";
import { ErrorState } from "@/components/states";
import { useLabels } from "@/lib/labels";

/** With whom a person lives, or lived. */
export function HouseholdCard({ person }: { person: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const may = useMay("households:read");
  const query = useQuery({ ...personHouseholdsQuery(person), enabled: may });
  if (!may) return null;
  return (
    <section className="card" data-household>
      <div className="card-head">
        <h2>{t("households.ofPerson")}</h2>
      </div>
      {query.error && !query.data ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <ul className="aside-list" aria-busy={query.isPending}>
          {query.data?.items.map((h) => {
            const own = h.members.find((m) => m.id === query.data.id);
            const names = h.members
              .filter((m) => m.id !== query.data.id && m.current)
              .map((m) => m.name ?? (m.child ? t("households.hiddenChild") : labels.person(m)));
            return (
              <li key={h.id}>
                <Link
                  to="/households/$id"
                  params={{ id: h.id }}
                  className="quiet-link ellipsis"
                  title={names.join(", ")}
                >
                  {names.length > 0 ? names.join(" · ") : h.id}
                </Link>
                {own && !own.current ? (
                  <Pill>{t("households.former")}</Pill>
                ) : (
                  <small className="muted nowrap">
                    {t("households.one", { count: h.size, n: format.num(h.size) })}
                  </small>
                )}
              </li>
            );
          })}
          {query.data?.items.length === 0 && <li className="muted">{t("households.ofPersonNone")}</li>}
        </ul>
      )}
    </section>
  );
}
