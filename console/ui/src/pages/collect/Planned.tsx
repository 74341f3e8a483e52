import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { planOfSourceQuery, plansOfEventQuery } from "@/api/queries";
import { useMay } from "@/app/session";

/** What tracking plans say of an event, for whoever may see plans. */
export function PlansOfEvent({ event }: { event: string }) {
  const { t } = useTranslation();
  const may = useMay("plans:read");
  const plans = useQuery({ ...plansOfEventQuery(event), enabled: may }).data?.items;
  if (!may || !plans) return null;
  return (
    <section data-testid="event-plans">
      <p className="muted">{t(plans.length > 0 ? "plans.inPlans" : "plans.inNoPlan")}</p>
      <ul>
        {plans.map((p) => (
          <li key={p.id}>
            <Link to="/plans/$id" params={{ id: p.id }} search={{ event }} className="door">
              {p.name}
            </Link>
            {p.planned?.display_name && <b className="trait"> · {p.planned.display_name}</b>}
            {p.planned?.owner && <span className="muted"> · {p.planned.owner}</span>}
            {p.planned?.description && <p className="muted">{p.planned.description}</p>}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The plan that a source is held to, from an event that broke it. */
export function PlanOfSource({ source, event }: { source: string; event: string | undefined }) {
  const { t } = useTranslation();
  const may = useMay("plans:read");
  const plan = useQuery({ ...planOfSourceQuery(source), enabled: may }).data?.items[0];
  if (!may || !plan) return null;
  return (
    <p>
      <Link to="/plans/$id" params={{ id: plan.id }} search={event ? { event } : {}} className="door">
        {t("plans.openPlan", { name: plan.name })}
      </Link>
    </p>
  );
}
