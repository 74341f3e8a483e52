import { TriangleAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Stats } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { CopyButton } from "@/components/CopyButton";
import { ExactTime } from "@/components/RelativeTime";

/** What stands still behind the log: since when, because of what, and what to do. */
export function StuckParts({ parts }: { parts: Stats["stuck"] }) {
  const { t } = useTranslation();
  const format = useFormat();
  // The partitions of a part mostly fail together: the one that has stood longest speaks for all.
  const longest = new Map<string, Stats["stuck"][number]>();
  for (const p of parts) {
    const known = longest.get(p.part);
    if (!known || Date.parse(p.since) < Date.parse(known.since)) longest.set(p.part, p);
  }
  return [...longest.values()].map((p) => (
    <section className="stuck" role="alert" key={p.part}>
      <TriangleAlert aria-hidden="true" />
      <div>
        <h2>{t(p.part === "pipeline" ? "overview.stuck.pipeline" : "overview.stuck.warehouse")}</h2>
        <p>{t("overview.stuck.safe")}</p>
        <p>{t(p.part === "pipeline" ? "overview.stuck.lookPipeline" : "overview.stuck.lookWarehouse")}</p>
        <dl>
          <dt>{t("overview.stuck.since")}</dt>
          <dd>
            <ExactTime at={p.since} />
            {p.attempts > 0 && (
              <span className="muted">
                {" · "}
                {t("overview.stuck.attempts", { count: p.attempts, n: format.num(p.attempts) })}
              </span>
            )}
          </dd>
          <dt>{t("overview.stuck.error")}</dt>
          <dd className="stuck-error">
            {p.attempts > 0 ? (
              <>
                <code>{p.error}</code>
                <CopyButton text={p.error} />
              </>
            ) : (
              t("overview.stuck.silent")
            )}
          </dd>
        </dl>
      </div>
    </section>
  ));
}
