import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { qualityScoresQuery } from "@/api/queries";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { ConfirmButton } from "@/components/ConfirmButton";
import { Sparkline } from "@/components/Sparkline";
import { EmptyState, ErrorState } from "@/components/states";
import { useWrite } from "@/lib/useWrite";
import { Minutes } from "./Minutes";
import { parts, tone } from "./score";

/** A source's parts over the last hour and the last day. */
export function ScoreDrawer({ source }: { source: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const minutes = useQuery({ ...qualityScoresQuery("minute"), refetchInterval: 10_000 });
  const hours = useQuery({ ...qualityScoresQuery("hour"), refetchInterval: 60_000 });
  const may = useMay("quality:write");
  const client = useQueryClient();
  const relearn = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/quality/sources/{id}/relearn", {
          params: { path: { id: source }, header: idempotencyKey() },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: ["quality"] }),
  });
  if (minutes.error && !minutes.data)
    return <ErrorState error={minutes.error} onRetry={() => void minutes.refetch()} />;
  const lastHour = (minutes.data?.items ?? []).filter((s) => s.source === source);
  const lastDay = (hours.data?.items ?? []).filter((s) => s.source === source);
  const now = lastHour.at(-1) ?? lastDay.at(-1);
  if (!now) return <EmptyState title={t("quality.nothingLately")} hint={t("quality.nothingLatelyHint")} />;
  return (
    <div className="stack">
      {lastHour.length > 0 && <Minutes scores={lastHour} />}
      <table className="quality-parts">
        <thead>
          <tr>
            <th>{t("quality.part")}</th>
            <th className="right">{t("quality.now")}</th>
            <th>{t("quality.lastHour")}</th>
            <th>{t("quality.lastDay")}</th>
          </tr>
        </thead>
        <tbody>
          {parts.map((part) => (
            <tr key={part}>
              <td>
                <strong>{t(`quality.parts.${part}`)}</strong>
                <p className="muted">{t(`quality.partsHelp.${part}`)}</p>
              </td>
              <td className="right num quality-score" data-tone={tone(now.parts[part])}>
                {format.percent(now.parts[part], 1)}
              </td>
              <td>
                <Sparkline values={lastHour.map((s) => s.parts[part])} label={t("quality.lastHour")} />
              </td>
              <td>
                {lastDay.length > 1 ? (
                  <Sparkline values={lastDay.map((s) => s.parts[part])} label={t("quality.lastDay")} />
                ) : (
                  <span className="muted">–</span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p>
        <Link to="/collect/quarantine" search={{ source }} className="door">
          {t("quality.toQuarantine")}
        </Link>
        {" · "}
        <Link to="/collect/debugger" search={{ source }} className="door">
          {t("quality.toDebugger")}
        </Link>
      </p>
      {may && (
        <p>
          <ConfirmButton
            does="rotate"
            title={t("quality.relearnTitle")}
            text={t("quality.relearnText")}
            ok={t("quality.relearn")}
            run={() => relearn.mutateAsync()}
            pending={relearn.isPending}
          >
            {t("quality.relearn")}
          </ConfirmButton>
        </p>
      )}
    </div>
  );
}
