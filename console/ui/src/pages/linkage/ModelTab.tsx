import { Tooltip } from "antd";
import { ScanSearch } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { RelativeTime } from "@/components/RelativeTime";
import { EmptyState } from "@/components/states";
import { type Comparison, type Linkage, modelOf, type Rule } from "./queries";
import { StartRun } from "./Run";
import { useLinkageWords } from "./words";

const leastDoubt = 0.01;

/** What the model has learnt, in words: how good it thinks it is, what each agreement is worth, how pairs are found. */
export function ModelTab({ overview }: { overview: Linkage | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  const words = useLinkageWords();
  const may = useMay("identity:write");
  if (!overview)
    return (
      <section className="card card-pad stack" aria-busy="true">
        {[60, 40, 80].map((w) => (
          <span key={w} className="bone" style={{ width: `${w}%` }} />
        ))}
      </section>
    );
  const model = modelOf(overview);
  if (!model || !overview.model)
    return (
      <section className="card">
        <EmptyState
          icon={<ScanSearch />}
          title={t("linkage.model.none")}
          hint={t("linkage.model.noneHint")}
          action={may && <StartRun first />}
        />
      </section>
    );
  const { estimate, thresholds, training, comparisons, rules } = model.match;
  const review = overview.settings.review ?? thresholds.review;
  const link = overview.settings.link ?? 0.99;
  /** How good it is thought to be, and how good it is at least where the data leave that open. */
  const share = (value: number, low: number | undefined) =>
    low !== undefined && value - low >= leastDoubt
      ? t("linkage.model.atLeast", { value: words.chance(value), low: words.chance(low) })
      : words.chance(value);
  const facts: [string, string, string][] = [
    [t("linkage.model.persons"), format.num(overview.model.persons), t("linkage.model.personsHint")],
    [
      t("linkage.model.precision"),
      share(estimate.precision, estimate.precision_low),
      t("linkage.model.precisionHint"),
    ],
    [t("linkage.model.recall"), share(estimate.recall, estimate.recall_low), t("linkage.model.recallHint")],
    [t("linkage.model.review"), format.percent(review), t("linkage.model.reviewHint")],
    [
      t("linkage.model.link"),
      format.percent(link),
      t(overview.settings.automatic ? "linkage.model.linkHint" : "linkage.model.linkOff"),
    ],
    [t("linkage.model.labels"), format.num(training.labels), t("linkage.model.labelsHint")],
  ];
  if (model.match.kin) {
    const relatives = (model.match.kin * training.records * (training.records - 1)) / 2;
    facts.push([t("linkage.model.kin"), format.num(Math.round(relatives)), t("linkage.model.kinHint")]);
  }
  return (
    <div className="stack">
      <section className="card card-pad">
        <dl className="facts">
          {facts.map(([title, value, hint]) => (
            <div key={title}>
              <dt>
                <Tooltip title={hint}>
                  <span className="table-help">{title}</span>
                </Tooltip>
              </dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        <p className="muted linkage-made">
          {t("linkage.model.made")} <RelativeTime at={overview.model.made_at} />
          {" · "}
          {t(`linkage.online.${overview.online.state}`, { n: format.num(overview.online.persons) })}
        </p>
      </section>
      <section className="card">
        <div className="card-head">
          <h2>{t("linkage.model.weights")}</h2>
        </div>
        <p className="muted linkage-about">{t("linkage.model.weightsAbout")}</p>
        <div className="linkage-weights">
          {comparisons.map((c) => (
            <Weights key={`${c.column}/${c.aspect ?? ""}`} comparison={c} />
          ))}
        </div>
      </section>
      <Rules rules={rules} />
    </div>
  );
}

function Weights({ comparison }: { comparison: Comparison }) {
  const { t } = useTranslation();
  const format = useFormat();
  const words = useLinkageWords();
  const most = 16;
  return (
    <table className="linkage-levels">
      <caption>
        {words.column(comparison.column)}
        {comparison.aspect && <span className="muted"> · {words.kind(comparison.aspect)}</span>}
        <small className="muted">{words.kind(comparison.kind)}</small>
      </caption>
      <thead className="visually-hidden">
        <tr>
          <th>{t("linkage.model.level")}</th>
          <th>{t("linkage.says")}</th>
        </tr>
      </thead>
      <tbody>
        {comparison.levels.map((l) => {
          const share = Math.min(1, Math.abs(l.bits) / most) * 50;
          return (
            <tr key={l.name}>
              <td>{words.level(l.name)}</td>
              <td>
                <Tooltip
                  title={t(l.kin ? "linkage.model.sharesKin" : "linkage.model.shares", {
                    m: format.percent(l.m, 2),
                    u: format.percent(l.u, 4),
                    kin: format.percent(l.kin ?? 0, 2),
                  })}
                >
                  <span className="linkage-bar" data-sign={Math.sign(l.bits)}>
                    <i
                      style={
                        l.bits >= 0
                          ? { left: "50%", width: `${share}%` }
                          : { right: "50%", width: `${share}%` }
                      }
                    />
                  </span>
                </Tooltip>
              </td>
              <td className="num">
                {l.bits > 0 ? "+" : ""}
                {format.num(l.bits, 1)}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Rules({ rules }: { rules: Rule[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const words = useLinkageWords();
  return (
    <section className="card">
      <div className="card-head">
        <h2>{t("linkage.model.blocking")}</h2>
      </div>
      <p className="muted linkage-about">{t("linkage.model.blockingAbout")}</p>
      <table className="linkage-rules">
        <thead>
          <tr>
            <th>{t("linkage.model.rule")}</th>
            <th className="num">{t("linkage.model.pairs")}</th>
            <th className="num">{t("linkage.model.finds")}</th>
            <th className="num">{t("linkage.model.alone")}</th>
          </tr>
        </thead>
        <tbody>
          {rules.map((r) => {
            const name = r.keys
              .map((k) => words.column(k.column) + (k.key ? ` (${words.rule(k.key)})` : ""))
              .join(" + ");
            return (
              <tr key={name}>
                <td>{name}</td>
                <td className="num">{format.num(Math.round(r.pairs))}</td>
                <td className="num">{format.percent(r.found)}</td>
                <td className="num">{format.percent(r.alone)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}
