import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { alarmImpactQuery } from "@/api/queries";
import type { AlarmImpact } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { type Column, DataTable } from "@/components/DataTable";
import { Num } from "@/components/Num";
import { ExactTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { UsesList } from "@/components/Uses";

type Segment = AlarmImpact["segments"][number];

/** What an alarm's fault has touched: events, whose they are, segments, and what else goes by the field. */
export function Impact({ alarm }: { alarm: string }) {
  const { t } = useTranslation();
  const query = useQuery(alarmImpactQuery(alarm));
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <span className="bone" style={{ width: "60%" }} />;
  return (
    <div className="stack drawer-stack">
      <Carried impact={query.data} />
      {query.data.known && <Segments impact={query.data} />}
      <section>
        <h3 className="drawer-title">{t("lineage.title")}</h3>
        {query.data.uses.length + query.data.hidden > 0 ? (
          <UsesList answer={query.data} />
        ) : (
          <p className="muted">{t("lineage.none")}</p>
        )}
      </section>
    </div>
  );
}

function Carried({ impact: i }: { impact: AlarmImpact }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <section>
      <p className="muted">
        {t("quality.since")} <ExactTime at={i.from} />
        {i.to && (
          <>
            {" – "}
            <ExactTime at={i.to} />
          </>
        )}
      </p>
      {i.known ? (
        <p>
          <b>
            {t("lineage.impactEvents", { count: i.events, n: format.num(i.events) })}{" "}
            {t("lineage.impactPersons", { count: i.persons, n: format.num(i.persons) })}
          </b>
        </p>
      ) : (
        <p>{t("lineage.impactNone")}</p>
      )}
      {!i.whole && <p className="muted">{t("lineage.impactFirst")}</p>}
    </section>
  );
}

function Segments({ impact }: { impact: AlarmImpact }) {
  const { t } = useTranslation();
  const columns: Column<Segment>[] = [
    {
      key: "name",
      title: t("lineage.segment"),
      width: 220,
      value: (s) => s.name,
      render: (s) => (
        <Link to="/segments/$id" params={{ id: s.id }} className="door ellipsis">
          {s.name}
        </Link>
      ),
    },
    ...(["entered", "left", "members"] as const).map(
      (key): Column<Segment> => ({
        key,
        title: t(`lineage.${key}`),
        width: 90,
        align: "right",
        value: (s) => s[key],
        render: (s) => <Num value={s[key]} />,
      }),
    ),
  ];
  return (
    <section>
      <h3 className="drawer-title">{t("lineage.impactSegments")}</h3>
      {impact.segments.length === 0 ? (
        <p className="muted">{t("lineage.impactNoSegments")}</p>
      ) : (
        <DataTable
          plain
          id="alarm-impact"
          label={t("lineage.impactSegments")}
          columns={columns}
          rows={impact.segments}
          rowKey={(s) => s.id}
          empty={null}
        />
      )}
    </section>
  );
}
