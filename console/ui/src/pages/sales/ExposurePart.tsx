import { Button } from "antd";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { ExposedQuery, MatchedQuery } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { EventPicker } from "@/components/conditions/EventPicker";
import { FieldPicker } from "@/components/conditions/FieldPicker";
import { fieldKey, fieldOfKey } from "@/components/conditions/fields";
import { ErrorState } from "@/components/states";
import { usePeopleBehind } from "@/lib/behind";
import { useAnswer } from "@/pages/analytics/useAnswer";
import type { SalesSearch } from "./search";

type Way = "exposed" | "other" | "none";

/** The way from an advertisement to the till: by the last exposure within 30 days before the sale. */
export function ExposurePart(props: {
  query: MatchedQuery;
  search: SalesSearch;
  set: (change: Partial<SalesSearch>) => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const behind = usePeopleBehind();
  const { search, set } = props;
  const { from, to, tz, sale } = props.query;
  const query = useMemo<ExposedQuery | null>(
    () =>
      search.exposure
        ? {
            kind: "exposed",
            from,
            to,
            ...(tz ? { tz } : {}),
            sale,
            exposure: { event: search.exposure },
            window: "30d",
            ...(search.touch ? { touch: [fieldOfKey(search.touch)] } : {}),
          }
        : null,
    [from, to, tz, sale, search.exposure, search.touch],
  );
  const answer = useAnswer(query);
  const rows = answer.answered?.result.rows ?? [];
  const name = (touch: string | null, way: Way) =>
    way === "none"
      ? t("sales.path.none")
      : way === "other"
        ? t("sales.path.other")
        : (touch ?? t("sales.path.any"));
  return (
    <section className="card" aria-busy={answer.asking}>
      <div className="card-head">
        <h2>{t("sales.path.title")}</h2>
      </div>
      <div className="card-pad stack">
        <p className="muted">{t("sales.path.about")}</p>
        <div className="sales-bar">
          <div className="sales-field">
            <span className="muted">{t("sales.path.exposure")}</span>
            <EventPicker
              value={search.exposure ?? ""}
              label={t("sales.path.exposure")}
              onChange={(v) => set({ exposure: v, touch: undefined })}
            />
          </div>
          {search.exposure && (
            <div className="sales-field">
              <span className="muted">{t("sales.path.touch")}</span>
              <FieldPicker
                events={[search.exposure]}
                value={search.touch ? fieldOfKey(search.touch) : {}}
                withDimensions
                allowClear
                label={t("sales.path.touch")}
                placeholder={t("sales.noBreakdown")}
                onChange={(f) => set({ touch: fieldKey(f) })}
                onClear={() => set({ touch: undefined })}
              />
            </div>
          )}
        </div>
        {answer.error ? (
          <ErrorState error={answer.error} onRetry={answer.retry} />
        ) : (
          rows.length > 0 && (
            <div className="sales-scroll">
              <table className="sales-table">
                <thead>
                  <tr>
                    <th>{t("sales.path.last")}</th>
                    <th className="num">{t("sales.count")}</th>
                    <th className="num">{t("sales.path.share")}</th>
                    <th className="num">{t("sales.path.people")}</th>
                    <th className="num">{t("sales.path.median")}</th>
                  </tr>
                </thead>
                <tbody>
                  {rows.map((row) => {
                    const [touch, way, count, share, people, median] = row as [
                      string | null,
                      Way,
                      number,
                      number,
                      number,
                      number | null,
                    ];
                    return (
                      <tr key={`${way} ${touch ?? ""}`}>
                        <th scope="row">{name(touch, way)}</th>
                        <td className="num">{format.num(count)}</td>
                        <td className="num">{format.percent(share)}</td>
                        <td className="num">
                          <Button
                            type="link"
                            size="small"
                            onClick={() =>
                              answer.answered &&
                              behind({
                                title: name(touch, way),
                                query: answer.answered.query,
                                select: { way, touch },
                              })
                            }
                          >
                            {format.num(people)}
                          </Button>
                        </td>
                        <td className="num">{median === null ? "–" : format.duration(median)}</td>
                      </tr>
                    );
                  })}
                </tbody>
              </table>
            </div>
          )
        )}
      </div>
    </section>
  );
}
