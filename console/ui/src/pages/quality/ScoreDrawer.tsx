import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { qualityScoresQuery } from "@/api/queries";
import { useFormat } from "@/app/appearance";
import { Sparkline } from "@/components/Sparkline";
import { EmptyState, ErrorState } from "@/components/states";
import { parts, tone } from "./score";

/** A source's parts over the last hour and the last day. */
export function ScoreDrawer({ source }: { source: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const minutes = useQuery({ ...qualityScoresQuery("minute"), refetchInterval: 10_000 });
  const hours = useQuery({ ...qualityScoresQuery("hour"), refetchInterval: 60_000 });
  if (minutes.error && !minutes.data)
    return <ErrorState error={minutes.error} onRetry={() => void minutes.refetch()} />;
  const lastHour = (minutes.data?.items ?? []).filter((s) => s.source === source);
  const lastDay = (hours.data?.items ?? []).filter((s) => s.source === source);
  const now = lastHour.at(-1) ?? lastDay.at(-1);
  if (!now) return <EmptyState title={t("quality.nothingLately")} hint={t("quality.nothingLatelyHint")} />;
  return (
    <div className="stack">
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
    </div>
  );
}
