import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { Num } from "@/components/Num";
import { Sparkline } from "@/components/Sparkline";
import { ErrorState } from "@/components/states";
import { Value } from "@/components/Value";
import { stableJson } from "@/lib/json";
import { distributionQuery, historyQuery } from "./queries";
import "./tags.css";

/** Who has which value now, and how that has changed by day. */
export function Values({ id }: { id: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const now = useQuery(distributionQuery(id));
  const days = useQuery(historyQuery(id)).data?.items ?? [];
  if (now.error) return <ErrorState error={now.error} onRetry={() => void now.refetch()} />;
  if (!now.data) return <span className="bone" style={{ width: "60%" }} />;
  const { persons, of, coverage, values, others } = now.data;
  const most = Math.max(1, ...values.map((v) => v.persons));
  const course = (value: unknown) =>
    days.map((d) => d.values.find((v) => stableJson(v.value) === stableJson(value))?.persons ?? 0);
  return (
    <div className="stack">
      <p>
        {t("tags.coverage", {
          persons: format.num(persons),
          of: format.num(of),
          share: format.percent(coverage, 1),
        })}
      </p>
      {values.length > 0 && (
        <table className="tag-values" aria-label={t("tags.values")}>
          <tbody>
            {values.map((v) => (
              <tr key={stableJson(v.value)}>
                <th scope="row">
                  <Value value={v.value} />
                </th>
                <td className="tag-bar">
                  <i style={{ width: `${(100 * v.persons) / most}%` }} aria-hidden="true" />
                </td>
                <td className="n">
                  <Num value={v.persons} />
                </td>
                <td>{days.length > 1 && <Sparkline values={course(v.value)} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {others > 0 && <p className="muted">{t("tags.others", { n: format.num(others), count: others })}</p>}
    </div>
  );
}
