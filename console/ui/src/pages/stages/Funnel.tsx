import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { Num } from "@/components/Num";
import type { Cycle, CycleReport, StageReport } from "./queries";
import { useStageNames } from "./StagePage";

/** How many are in each stage, how many of those who began went so far, and how long the next step took them. */
export function Funnel({ cycle, report, days }: { cycle: Cycle; report: CycleReport; days: number }) {
  const { t } = useTranslation();
  const format = useFormat();
  const most = Math.max(1, ...report.stages.map((s) => Math.max(s.reached, s.now)));
  const before = (i: number) => (i === 0 ? report.began : (report.stages[i - 1]?.reached ?? 0));
  return (
    <div className="stack">
      <section className="card">
        <div className="card-head">
          <h2>{t("stages.tabs.funnel")}</h2>
          <small>
            {t("stages.funnelAbout", {
              count: report.began,
              n: format.num(report.began),
              days: format.num(days),
            })}
          </small>
        </div>
        <div className="stage-scroll">
          <table className="stage-funnel" aria-label={t("stages.tabs.funnel")}>
            <thead>
              <tr>
                <th scope="col">{t("stages.stage")}</th>
                <th scope="col" className="n">
                  {t("stages.now")}
                </th>
                <th scope="col">{t("stages.reached")}</th>
                <th scope="col" className="n">
                  {t("stages.conversion")}
                </th>
                <th scope="col" className="n" title={t("stages.medianHelp")}>
                  {t("stages.toNext")}
                </th>
                <th scope="col">{t("stages.howLong")}</th>
              </tr>
            </thead>
            <tbody>
              {report.stages.map((s, i) => (
                <tr key={s.key} data-lost={s.lost || undefined}>
                  <th scope="row">{s.name}</th>
                  <td className="n">
                    <Link
                      to="/stages/$id"
                      params={{ id: cycle.id }}
                      search={{ tab: "moves", stage: s.key }}
                      className="door"
                    >
                      <Num value={s.now} />
                    </Link>
                  </td>
                  <td className="stage-bar">
                    {!s.lost && (
                      <>
                        <i style={barOf(s.reached / most)} aria-hidden="true" />
                        <Num value={s.reached} />
                      </>
                    )}
                  </td>
                  <td className="n">
                    {s.lost || before(i) === 0 ? "–" : format.percent(s.reached / before(i), 1)}
                  </td>
                  <td className="n">{s.to_next.count > 0 ? format.duration(s.to_next.median) : "–"}</td>
                  <td>
                    <Times stage={s} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        {report.sampled && <p className="card-pad muted">{t("stages.sampled")}</p>}
      </section>
      <Flows cycle={cycle} report={report} />
    </div>
  );
}

/** A bar beside its number, for which there is always room. */
const barOf = (share: number) => ({ width: `calc((100% - 72px) * ${share})` });

/** The distribution of the time from a stage to the next, as bars from an hour to more than a year. */
function Times({ stage }: { stage: StageReport }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { buckets, count, p25, p75, p90 } = stage.to_next;
  if (count === 0) return <span className="muted">–</span>;
  const most = Math.max(...buckets.map((b) => b.count), 1);
  const text = t("stages.spread", {
    p25: format.duration(p25),
    p75: format.duration(p75),
    p90: format.duration(p90),
  });
  return (
    <span className="stage-times" role="img" aria-label={text} title={text}>
      {buckets.map((b) => (
        <i
          key={b.below}
          style={{ height: `${Math.max(b.count > 0 ? 8 : 2, (100 * b.count) / most)}%` }}
          title={t("stages.bucket", {
            bound: b.below ? format.duration(b.below) : "∞",
            n: format.num(b.count),
            count: b.count,
          })}
        />
      ))}
    </span>
  );
}

/** Who went from where to where within the period. */
function Flows({ cycle, report }: { cycle: Cycle; report: CycleReport }) {
  const { t } = useTranslation();
  const name = useStageNames(cycle);
  const flows = report.flows.toSorted((a, b) => b.count - a.count).slice(0, 20);
  const most = Math.max(1, ...flows.map((f) => f.count));
  if (flows.length === 0) return null;
  return (
    <section className="card">
      <div className="card-head">
        <h2>{t("stages.flows")}</h2>
        <small>{t("stages.flowsAbout")}</small>
      </div>
      <div className="stage-scroll">
        <table className="stage-funnel stage-flows" aria-label={t("stages.flows")}>
          <tbody>
            {flows.map((f) => (
              <tr key={`${f.from} ${f.to}`}>
                <th scope="row">
                  {name(f.from)} → {name(f.to)}
                </th>
                <td className="stage-bar">
                  <i style={barOf(f.count / most)} aria-hidden="true" />
                  <Num value={f.count} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
