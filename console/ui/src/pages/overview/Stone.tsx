import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Tooltip } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { quarantineSummaryQuery, totalWaiting } from "@/api/queries";
import type { Stats } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useGlide } from "@/lib/useGlide";

/** The head of the overview: a dark stone, and the streak that the last minutes left on it. */
export function Stone({
  stats,
  history,
  length,
}: {
  stats: Stats | undefined;
  history: readonly number[];
  length: number;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const rate = stats?.throughput.accepted_per_second;
  const accepted = useGlide(stats?.accepted);
  const quarantined = useQuery({
    ...quarantineSummaryQuery,
    refetchInterval: 15_000,
    select: totalWaiting,
  }).data;
  const lag = (seconds: number) => (seconds > 0 ? format.duration(seconds) : t("overview.upToDate"));
  return (
    <section className="stone">
      <div className="stone-top">
        <Tooltip title={t("overview.perSecondHelp")}>
          <p className="stone-rate">
            <b>{rate === undefined ? "–" : format.num(rate, rate < 10 ? 1 : 0)}</b> {t("overview.perSecond")}
          </p>
        </Tooltip>
        <Streak
          values={history}
          length={length}
          label={t("overview.streak", { n: format.num(Math.round(length / 60)) })}
        />
      </div>
      <dl className="stone-figures">
        <Figure
          label={t("overview.accepted")}
          help={t("overview.acceptedHelp")}
          value={accepted === undefined ? null : format.num(Math.round(accepted))}
          to="/collect/catalogue"
        />
        <Figure
          label={t("overview.people")}
          help={t("overview.peopleHelp")}
          value={stats ? format.num(stats.persons) : null}
          detail={stats ? t("overview.known", { n: format.num(stats.known_persons) }) : "\u00a0"}
          to="/people"
        />
        <Figure
          label={t("overview.quarantined")}
          help={t("overview.quarantinedHelp")}
          value={quarantined === undefined ? null : format.num(quarantined)}
          to="/collect/quarantine"
        />
        <Figure
          label={t("overview.freshProfiles")}
          help={t("overview.freshProfilesHelp")}
          value={stats ? lag(stats.lag_seconds.pipeline) : null}
        />
        <Figure
          label={t("overview.freshReports")}
          help={t("overview.freshReportsHelp")}
          value={stats ? lag(stats.lag_seconds.warehouse) : null}
        />
      </dl>
    </section>
  );
}

function Figure(props: {
  label: string;
  help: string;
  value: string | null;
  detail?: ReactNode;
  to?: "/people" | "/collect/catalogue" | "/collect/quarantine";
}) {
  const value = props.value === null ? <span className="stone-bone" /> : props.value;
  return (
    <div>
      <dt>
        <Tooltip title={props.help}>
          <span className="stone-label">{props.label}</span>
        </Tooltip>
      </dt>
      <dd>{props.to ? <Link to={props.to}>{value}</Link> : value}</dd>
      {props.detail && <dd className="stone-detail">{props.detail}</dd>}
    </div>
  );
}

/** One value a second, the newest at the right edge; it grows from there while the page is young. */
function Streak({ values, length, label }: { values: readonly number[]; length: number; label: string }) {
  const width = 600;
  const height = 72;
  const max = Math.max(...values, 1) * 1.1;
  // A young page shows its first minute over the whole width, then more and more.
  const span = Math.min(length, Math.max(60, values.length));
  const points = values.map((v, i) => {
    const x = width - ((values.length - 1 - i) * width) / (span - 1);
    return `${x.toFixed(1)},${(height - 2 - (v / max) * (height - 6)).toFixed(1)}`;
  });
  const line = points.length > 1 ? `M${points.join("L")}` : "";
  const start = points[0]?.split(",")[0] ?? width;
  return (
    <svg
      className="streak"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <defs>
        <linearGradient id="streak" x1="0" x2="0" y1="0" y2="1">
          <stop offset="0" stopColor="var(--ts-stone-gold)" stopOpacity="0.28" />
          <stop offset="1" stopColor="var(--ts-stone-gold)" stopOpacity="0" />
        </linearGradient>
      </defs>
      <line x1="0" x2={width} y1={height - 1} y2={height - 1} className="streak-ground" />
      {line && <path d={`${line}L${width},${height}L${start},${height}Z`} fill="url(#streak)" />}
      {line && <path d={line} className="streak-line" />}
    </svg>
  );
}
