import { useQuery } from "@tanstack/react-query";
import { HeartPulse } from "lucide-react";
import { useTranslation } from "react-i18next";
import { qualityAlarmsQuery } from "@/api/queries";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { LinkButton } from "@/components/LinkButton";
import { useLabels } from "@/lib/labels";
import { useSources } from "@/lib/useSources";

/** What of the data is not as usual, in a line, with the way to it. Nothing when all is. */
export function OpenAlarms() {
  const { t } = useTranslation();
  const format = useFormat();
  const sources = useSources();
  const labels = useLabels();
  const may = useMay("quality:read");
  const items = useQuery({ ...qualityAlarmsQuery, enabled: may, refetchInterval: 10_000 }).data?.items;
  const open = (items ?? []).filter(
    (a) => a.closed_at === null && !(a.muted_until && Date.parse(a.muted_until) > Date.now()),
  );
  const first = open[0];
  if (!first) return null;
  const about = [
    sources.nameOf(first.source),
    first.event && labels.event(first.event),
    first.field && labels.property(first.field),
  ]
    .filter(Boolean)
    .join(" · ");
  return (
    <section className="stuck" role="alert" data-testid="open-alarms">
      <HeartPulse aria-hidden="true" />
      <div>
        <h2>{t("overview.openAlarms", { count: open.length, n: format.num(open.length) })}</h2>
        <p>
          {t(`quality.kinds.${first.kind}`)}: {about}
          {open.length > 1 && ` · ${t("quality.earlier", { n: format.num(open.length - 1) })}`}
        </p>
        <LinkButton to="/collect/quality" size="small">
          {t("overview.lookAtAlarms")}
        </LinkButton>
      </div>
    </section>
  );
}
