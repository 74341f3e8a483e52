import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { catalogueEventsQuery } from "@/api/queries";
import { useFormat } from "@/app/appearance";
import { ErrorState } from "@/components/states";
import { usePeopleBehind } from "@/lib/behind";
import { useLabels } from "@/lib/labels";
import { personsOfEvent } from "@/pages/collect/personsOfEvent";

export function TopEvents() {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const behind = usePeopleBehind();
  const query = useQuery({ ...catalogueEventsQuery, refetchInterval: 60_000 });
  const events = query.data?.items.toSorted((a, b) => b.count - a.count).slice(0, 8);
  const most = events?.[0]?.count ?? 1;
  return (
    <section className="card">
      <div className="card-head">
        <h2>
          {t("overview.top")} <small>{t("overview.lastDays")}</small>
        </h2>
        <Link to="/collect/catalogue" className="card-link">
          {t("overview.catalogue")}
        </Link>
      </div>
      {query.error && !events ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <ul className="bar-list">
          {events?.length === 0 && (
            <li className="bar-none muted">
              {t("collect.catalogue.older")}{" "}
              <Link to="/collect/catalogue" search={{ range: "all" }} className="text-link">
                {t("collect.catalogue.showAll")}
              </Link>
            </li>
          )}
          {(events ?? bones).map((e, i) =>
            e ? (
              <li key={e.event}>
                <button
                  type="button"
                  onClick={() =>
                    behind(
                      personsOfEvent(
                        e.event,
                        t("overview.topBehind", { event: labels.event(e.event) }),
                        format.timeZone,
                      ),
                    )
                  }
                >
                  <i style={{ width: `${(100 * e.count) / most}%` }} aria-hidden="true" />
                  <span className="ellipsis">{labels.event(e.event)}</span>
                  <span className="n">{format.num(e.count)}</span>
                </button>
              </li>
            ) : (
              // biome-ignore lint/suspicious/noArrayIndexKey: bones have no identity
              <Bone key={i} />
            ),
          )}
        </ul>
      )}
    </section>
  );
}

const bones: null[] = Array.from({ length: 8 }, () => null);
function Bone() {
  return (
    <li className="bar-bone">
      <span className="bone" style={{ width: "60%" }} />
    </li>
  );
}
