import { useTranslation } from "react-i18next";
import { Num } from "@/components/Num";
import { ExactTime } from "@/components/RelativeTime";
import type { RetentionCount } from "./queries";

/** What rules remove, or would. */
export function Counts({ counts }: { counts: readonly RetentionCount[] }) {
  const { t } = useTranslation();
  return (
    <dl className="pairs" data-testid="retention-counts">
      {counts.map((c) => (
        <div key={c.rule} className="pair">
          <dt>{c.rule}</dt>
          <dd>
            <Num value={c.removed} /> {t(`retention.kinds.${c.kind}`)} ·{" "}
            {c.kind === "events" && `${t(`retention.actions.${c.action}`)} · `}
            {t("retention.before")} <ExactTime at={c.before} />
            {c.held > 0 && (
              <span className="muted">
                {" "}
                · {t("retention.held")} <Num value={c.held} />
              </span>
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}
