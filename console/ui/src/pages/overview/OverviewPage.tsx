import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { statsQuery } from "@/api/queries";
import type { Stats } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { LiveStatus } from "@/components/LiveStatus";
import { PageHeader } from "@/components/PageHeader";
import { ErrorState } from "@/components/states";
import { zoneOffset } from "@/lib/format";
import { useStream } from "@/lib/useLive";
import { Business } from "./Business";
import { GettingStarted } from "./GettingStarted";
import { TopEvents } from "./Lists";
import { Newest, NewestChanges } from "./Newest";
import { OpenAlarms } from "./OpenAlarms";
import { SegmentsMoved } from "./SegmentsMoved";
import { Stone } from "./Stone";
import { StuckParts } from "./StuckParts";
import { Trends } from "./Trends";
import "./overview.css";

// The streak survives a walk through other pages.
const history: number[] = [];
const historyLength = 180;

export function OverviewPage() {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery(statsQuery);
  const [live, setLive] = useState<Stats>();
  const state = useStream<Stats>("/api/v1/live/stats", (messages) => {
    for (const m of messages) history.push(m.throughput.accepted_per_second);
    history.splice(0, Math.max(0, history.length - historyLength));
    setLive(messages.at(-1));
  });
  const stats = live ?? query.data;
  // The server knows the last minutes: the streak does not begin empty, nor with a gap after a while elsewhere.
  const past = query.data?.throughput.history;
  useEffect(() => {
    if (past && past.length > 0) history.splice(0, history.length, ...past.slice(-historyLength));
  }, [past]);

  return (
    <div className="page">
      <PageHeader
        title={t("overview.title")}
        about={t("overview.about")}
        actions={
          <>
            <span className="muted zone">
              {t("time.zone", { zone: format.timeZone, offset: zoneOffset(format.timeZone) })}
            </span>
            <LiveStatus state={state} />
          </>
        }
      />
      {query.error && !stats ? (
        <div className="card">
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        </div>
      ) : stats && stats.accepted === 0 && stats.persons === 0 ? (
        <GettingStarted />
      ) : (
        <div className="stack">
          {stats && <StuckParts parts={stats.stuck} />}
          <OpenAlarms />
          <Business />
          <div className="overview-grid">
            <SegmentsMoved />
            <TopEvents />
          </div>
          <Stone stats={stats} history={history} length={historyLength} />
          <Trends />
          <div className="overview-grid">
            <Newest />
            <NewestChanges />
          </div>
        </div>
      )}
    </div>
  );
}
