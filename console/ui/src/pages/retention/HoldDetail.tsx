import { useQuery, useQueryClient } from "@tanstack/react-query";
import { App } from "antd";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { useMay } from "@/app/session";
import { ConfirmButton } from "@/components/ConfirmButton";
import { PersonLink } from "@/components/PersonLink";
import { ExactTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { useWrite } from "@/lib/useWrite";
import { holdQuery } from "./queries";

/** A hold with whom it names. */
export function HoldDetail({ id }: { id: string }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const may = useMay("holds:write");
  const query = useQuery(holdQuery(id));
  const lift = useWrite({
    mutationFn: () => data(api.POST("/api/v1/holds/{id}/lift", { params: { path: { id } } })),
    onSuccess: async () => {
      message.success(t("retention.hold.liftDone"));
      await client.invalidateQueries({ queryKey: ["holds"] });
    },
  });
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const hold = query.data;
  if (!hold) return <span className="bone" style={{ width: "60%" }} />;
  return (
    <div className="stack">
      <p>{hold.reason || <span className="muted">{t("retention.hold.reasonGone")}</span>}</p>
      <dl className="pairs">
        <dt>{t("retention.hold.state")}</dt>
        <dd>{t(`retention.hold.states.${hold.state}`)}</dd>
        <dt>{t("retention.hold.placed")}</dt>
        <dd>
          <ExactTime at={hold.placed_at} /> · <code>{hold.placed_by}</code>
        </dd>
        <dt>{t("retention.hold.until")}</dt>
        <dd>{hold.until ? <ExactTime at={hold.until} /> : t("retention.hold.forever")}</dd>
        {hold.lifted_at && (
          <>
            <dt>{t("retention.hold.states.lifted")}</dt>
            <dd>
              <ExactTime at={hold.lifted_at} /> · <code>{hold.lifted_by}</code>
            </dd>
          </>
        )}
        {hold.segment && (
          <>
            <dt>{t("retention.hold.segment")}</dt>
            <dd>
              <code>{hold.segment}</code>
            </dd>
          </>
        )}
      </dl>
      {hold.people.length > 0 && (
        <>
          <h3>{t("retention.hold.persons")}</h3>
          <ul>
            {hold.people.map((p) => (
              <li key={p.id}>
                <PersonLink person={p} avatar />
              </li>
            ))}
          </ul>
        </>
      )}
      {may && hold.state === "holding" && (
        <ConfirmButton
          does="revoke"
          title={t("retention.hold.liftTitle")}
          text={t("retention.hold.liftText")}
          ok={t("retention.hold.lift")}
          run={() => lift.mutateAsync()}
          pending={lift.isPending}
        >
          {t("retention.hold.lift")}
        </ConfirmButton>
      )}
    </div>
  );
}
