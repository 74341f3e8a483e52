import { useQuery } from "@tanstack/react-query";
import { Button } from "antd";
import { Download } from "lucide-react";
import { useTranslation } from "react-i18next";
import { auditChainQuery } from "@/api/queries";
import { useFormat } from "@/app/appearance";
import { CopyButton } from "@/components/CopyButton";
import { Pill } from "@/components/Pill";
import { ExactTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";

/** Whether the log is as it was written: up to when that was checked just now, and what is signed. */
export function AuditSeal() {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery(auditChainQuery);
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const seal = query.data;
  if (!seal) return <span className="bone" style={{ width: "40%" }} />;
  return (
    <div className="row" style={{ flexWrap: "wrap", marginBottom: 16 }} data-testid="audit-seal">
      {seal.fault ? (
        <Pill tone="bad" dot>
          {t(`settings.audit.seal.faults.${seal.fault.kind}`, { n: format.num(seal.fault.n) })}
        </Pill>
      ) : (
        <Pill tone="good" dot>
          {t("settings.audit.seal.verified")}
        </Pill>
      )}
      {seal.until && (
        <span>
          {t("settings.audit.seal.until", { count: seal.entries, n: format.num(seal.entries) })}{" "}
          <ExactTime at={seal.until} />
        </span>
      )}
      {seal.signed_at && (
        <span className="muted">
          {t("settings.audit.seal.signed")} <ExactTime at={seal.signed_at} />
        </span>
      )}
      {seal.redacted > 0 && (
        <span className="muted">
          {t("settings.audit.seal.redacted", { count: seal.redacted, n: format.num(seal.redacted) })}
        </span>
      )}
      {seal.old > 0 && (
        <span className="muted">
          {t("settings.audit.seal.old", { count: seal.old, n: format.num(seal.old) })}
        </span>
      )}
      {seal.own_key && (
        <span className="muted">
          {t("settings.audit.seal.key")} <code>{seal.own_key.slice(0, 12)}…</code>
          <CopyButton text={seal.own_key} label={t("settings.audit.seal.key")} />
        </span>
      )}
      <Button size="small" icon={<Download size={14} />} href="/api/v1/audit/chain/export" download>
        {t("settings.audit.seal.export")}
      </Button>
    </div>
  );
}
