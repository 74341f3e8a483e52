import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Shapes } from "lucide-react";
import { useTranslation } from "react-i18next";
import { segmentMovementsQuery, segmentsQuery } from "@/api/queries";
import { useFormat } from "@/app/appearance";
import { LinkButton } from "@/components/LinkButton";
import { EmptyState, ErrorState } from "@/components/states";

const movedDays = 7;
const shown = 8;

/** The segments that people entered and left lately, those that moved most first; then the large ones that stood still. */
export function SegmentsMoved() {
  const { t } = useTranslation();
  const format = useFormat();
  const moved = useQuery({ ...segmentMovementsQuery(movedDays, shown), refetchInterval: 30_000 });
  const all = useQuery({ ...segmentsQuery, refetchInterval: 60_000 });
  const error = moved.error ?? all.error;
  const ready = moved.data && all.data;
  const rows = ready && [
    ...moved.data.items,
    ...all.data.items
      .filter((s) => !moved.data.items.some((m) => m.id === s.id))
      .toSorted((a, b) => b.members - a.members)
      .map((s) => ({ id: s.id, name: s.name, members: s.members, entered: 0, left: 0 })),
  ];
  return (
    <section className="card">
      <div className="card-head">
        <h2>
          {t("overview.moved")} <small>{t("overview.movedDays", { n: movedDays })}</small>
        </h2>
        <Link to="/segments" className="card-link">
          {t("overview.segmentsAll")}
        </Link>
      </div>
      {error && !ready ? (
        <ErrorState
          error={error}
          onRetry={() => {
            void moved.refetch();
            void all.refetch();
          }}
        />
      ) : rows?.length === 0 ? (
        <EmptyState
          icon={<Shapes />}
          title={t("overview.segmentsEmpty")}
          hint={t("overview.segmentsEmptyHint")}
          action={
            <LinkButton to="/segments" size="small">
              {t("overview.segmentsCreate")}
            </LinkButton>
          }
        />
      ) : (
        <table className="moved" aria-busy={!rows}>
          <thead>
            <tr>
              <th scope="col">{t("overview.segment")}</th>
              <th scope="col" className="num">
                {t("overview.entered")}
              </th>
              <th scope="col" className="num">
                {t("overview.left")}
              </th>
              <th scope="col" className="num">
                {t("overview.members")}
              </th>
            </tr>
          </thead>
          <tbody>
            {(rows?.slice(0, shown) ?? bones).map((s, i) =>
              s ? (
                <tr key={s.id}>
                  <td>
                    <Link to="/segments/$id" params={{ id: s.id }} className="ellipsis" title={s.name}>
                      {s.name}
                    </Link>
                  </td>
                  <td className="num">
                    {s.entered > 0 ? (
                      <Link
                        to="/segments/$id"
                        params={{ id: s.id }}
                        search={{ tab: "changes" }}
                        title={t("overview.enteredTitle", { n: format.num(s.entered) })}
                      >
                        +{format.compact(s.entered)}
                      </Link>
                    ) : (
                      <span className="muted">–</span>
                    )}
                  </td>
                  <td className="num">
                    {s.left > 0 ? (
                      <Link
                        to="/segments/$id"
                        params={{ id: s.id }}
                        search={{ tab: "changes" }}
                        title={t("overview.leftTitle", { n: format.num(s.left) })}
                      >
                        −{format.compact(s.left)}
                      </Link>
                    ) : (
                      <span className="muted">–</span>
                    )}
                  </td>
                  <td className="num" title={format.num(s.members)}>
                    {s.members < 1_000_000 ? format.num(s.members) : format.compact(s.members)}
                  </td>
                </tr>
              ) : (
                // biome-ignore lint/suspicious/noArrayIndexKey: bones have no identity
                <tr key={i}>
                  <td colSpan={4}>
                    <span className="bone" style={{ width: `${[64, 48, 80, 56][i % 4]}%` }} />
                  </td>
                </tr>
              ),
            )}
          </tbody>
        </table>
      )}
    </section>
  );
}

const bones: null[] = Array.from({ length: shown }, () => null);
