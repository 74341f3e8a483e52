import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Button } from "antd";
import { Download, Receipt, RotateCcw, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { LinkButton } from "@/components/LinkButton";
import { ExactTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { useSetSearch } from "@/lib/useSetSearch";
import { useWrite } from "@/lib/useWrite";
import { requestQuery } from "./queries";
import { StatePill } from "./StatePill";

/** A request with what became of it. */
export function RequestDetail({ id }: { id: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const setSearch = useSetSearch();
  const client = useQueryClient();
  const mayAsk = useMay("privacy:write");
  const mayReceive = useMay("receipts:read");
  const mayReveal = useMay("people:reveal");
  const query = useQuery(requestQuery(id));
  const renew = () => client.invalidateQueries({ queryKey: ["privacy"] });
  const params = { path: { id } };
  const cancel = useWrite({
    mutationFn: () => data(api.POST("/api/v1/privacy/requests/{id}/cancel", { params })),
    onSuccess: renew,
  });
  const again = useWrite({
    mutationFn: () => data(api.POST("/api/v1/privacy/requests/{id}/again", { params })),
    onSuccess: renew,
  });
  const r = query.data;
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!r) return null;
  const cancellable = r.state === "waiting" || r.state === "held";
  const repeatable = r.state === "held" || r.state === "failed";
  return (
    <div className="stack drawer-stack">
      <div className="row">
        <strong>{t(`privacy.kinds.${r.kind}`)}</strong>
        <StatePill request={r} />
      </div>
      {r.hold && <p>{t("privacy.heldBy", { hold: r.hold })}</p>}
      {r.failure && <p className="bad">{r.failure}</p>}
      <dl className="pairs">
        <dt>{t("privacy.id")}</dt>
        <dd className="mono">{r.id}</dd>
        <dt>{t("privacy.who")}</dt>
        <dd className="mono">
          {r.identifiers.length > 0 ? r.identifiers.join(", ") : t("privacy.goneWith")}
        </dd>
        <dt>{t("privacy.persons")}</dt>
        <dd>{format.num(r.persons)}</dd>
        <dt>{t("privacy.reason")}</dt>
        <dd>{t(`privacy.reasons.${r.reason}`)}</dd>
        {r.note && (
          <>
            <dt>{t("privacy.note")}</dt>
            <dd>{r.note}</dd>
          </>
        )}
        <dt>{t("privacy.askedBy")}</dt>
        <dd className="mono">{r.asked_by}</dd>
        <dt>{t("privacy.askedAt")}</dt>
        <dd>
          <ExactTime at={r.asked_at} />
        </dd>
        <dt>{t("privacy.dueAt")}</dt>
        <dd>
          <ExactTime at={r.due_at} />
        </dd>
        {r.ended_at && (
          <>
            <dt>{t("privacy.endedAt")}</dt>
            <dd>
              <ExactTime at={r.ended_at} />
            </dd>
          </>
        )}
        {r.suppress && (
          <>
            <dt>{t("privacy.suppress")}</dt>
            <dd>{t("privacy.suppressHelp")}</dd>
          </>
        )}
      </dl>
      <div className="row">
        {r.receipt && mayReceive && (
          <Button
            type="primary"
            icon={<Receipt size={14} />}
            onClick={() => setSearch({ receipt: r.receipt, open: undefined }, "push")}
          >
            {t("privacy.receipt.show")}
          </Button>
        )}
        {r.kind === "access" && r.state === "done" && r.job && mayReveal && (
          <Button type="primary" icon={<Download size={14} />} href={`/api/v1/jobs/${r.job}/file`} download>
            {t("privacy.download")}
          </Button>
        )}
        {r.job && (
          <LinkButton to="/jobs" search={{ open: r.job }}>
            {t("privacy.job")}
          </LinkButton>
        )}
        {mayAsk && repeatable && (
          <Button icon={<RotateCcw size={14} />} loading={again.isPending} onClick={() => again.mutate()}>
            {t("privacy.again")}
          </Button>
        )}
        {mayAsk && cancellable && (
          <Button icon={<X size={14} />} loading={cancel.isPending} onClick={() => cancel.mutate()}>
            {t("privacy.cancel")}
          </Button>
        )}
      </div>
    </div>
  );
}
