import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { consentNumbersQuery } from "@/api/queries";
import type { ConsentPolicy } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { type Column, DataTable } from "@/components/DataTable";
import { Num } from "@/components/Num";
import { Sparkline } from "@/components/Sparkline";
import { EmptyState } from "@/components/states";
import { langOf, namesOf } from "@/lib/usePurposes";
import { useSources } from "@/lib/useSources";

const days = 30;
const choices = ["granted", "non_personalised", "denied"] as const;

interface Row {
  key: string;
  name: string;
  counts: Record<(typeof choices)[number], number>;
  granted: number[];
  denied: number[];
}

/** How many agree and refuse, by purpose and channel, and what was decided on each of the last days. */
export function NumbersTab({ policy }: { policy: ConsentPolicy | null }) {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  const sources = useSources();
  const query = useQuery({ ...consentNumbersQuery(days), refetchInterval: 10_000 });
  const rows = query.data && rowsOf(query.data, policy, langOf(i18n.language));
  const left = query.data?.left_out ?? [];
  const total = left.reduce((sum, l) => sum + l.n, 0);
  const kept = left.reduce((sum, l) => sum + l.kept, 0);
  const columns: Column<Row>[] = [
    { key: "name", title: t("consent.purpose"), width: 240, value: (r) => r.name },
    ...choices.map(
      (c): Column<Row> => ({
        key: c,
        title: t(`consent.choice.${c}`),
        width: 120,
        align: "right",
        value: (r) => r.counts[c],
        render: (r) => <Num value={r.counts[c]} />,
      }),
    ),
    {
      key: "rate",
      title: t("consent.rate"),
      help: t("consent.rateHelp"),
      width: 110,
      align: "right",
      value: (r) => rateOf(r) ?? -1,
      render: (r) => format.percent(rateOf(r), 1),
    },
    {
      key: "agreed",
      title: t("consent.agreedOverTime"),
      width: 130,
      sortable: false,
      value: (r) => r.granted.join(" "),
      render: (r) => <Sparkline values={r.granted} label={t("consent.agreedOverTime")} />,
    },
    {
      key: "refused",
      title: t("consent.refusedOverTime"),
      width: 130,
      sortable: false,
      value: (r) => r.denied.join(" "),
      render: (r) => <Sparkline values={r.denied} label={t("consent.refusedOverTime")} />,
    },
  ];
  return (
    <div className="stack">
      <DataTable
        id="consent-numbers"
        label={t("consent.tabs.numbers")}
        columns={columns}
        rows={rows}
        rowKey={(r) => r.key}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        empty={<EmptyState title={t("consent.noDecisions")} hint={t("consent.noDecisionsHint")} />}
      />
      {total > 0 && (
        <section className="card card-pad">
          <p>
            {t("consent.leftOut", { count: total, n: format.num(total) })}{" "}
            {kept > 0 && <span className="muted">{t("consent.kept", { n: format.num(kept) })}</span>}
          </p>
          <ul className="consent-left">
            {bySource(left).map(([source, sum]) => (
              <li key={source}>
                <span>{sources.nameOf(source)}</span>
                <span>
                  <Num value={sum.n} />
                  {sum.kept > 0 && (
                    <span className="muted"> · {t("consent.keptOf", { n: format.num(sum.kept) })}</span>
                  )}
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

/** The part of those who have decided that agrees. */
function rateOf({ counts }: Row): number | null {
  const decided = counts.granted + counts.non_personalised + counts.denied;
  return decided > 0 ? counts.granted / decided : null;
}

interface Left {
  n: number;
  kept: number;
}

function bySource(left: readonly (Left & { source: string })[]): [string, Left][] {
  const sums = new Map<string, Left>();
  for (const l of left) {
    const sum = sums.get(l.source) ?? { n: 0, kept: 0 };
    sums.set(l.source, { n: sum.n + l.n, kept: sum.kept + l.kept });
  }
  return [...sums].sort((a, b) => b[1].n - a[1].n);
}

interface Numbers {
  as_of: string;
  now: { purpose: string; channel: string; choice: (typeof choices)[number]; n: number }[];
  days: { day: string; purpose: string; channel: string; choice: (typeof choices)[number]; n: number }[];
}

function rowsOf(numbers: Numbers, policy: ConsentPolicy | null, lang: string): Row[] {
  const last = Date.parse(numbers.as_of.slice(0, 10));
  const rows = new Map<string, Row>();
  const nameOf = namesOf(policy, lang);
  const row = (purpose: string, channel: string): Row => {
    const key = `${purpose} ${channel}`;
    const known = rows.get(key);
    if (known) return known;
    const made: Row = {
      key,
      name: nameOf(purpose, channel),
      counts: { granted: 0, non_personalised: 0, denied: 0 },
      granted: Array<number>(days).fill(0),
      denied: Array<number>(days).fill(0),
    };
    rows.set(key, made);
    return made;
  };
  for (const c of numbers.now) row(c.purpose, c.channel).counts[c.choice] = c.n;
  for (const d of numbers.days) {
    const at = days - 1 - Math.round((last - Date.parse(d.day)) / 86_400_000);
    const series = row(d.purpose, d.channel)[d.choice === "denied" ? "denied" : "granted"];
    if (at >= 0 && at < days) series[at] = (series[at] ?? 0) + d.n;
  }
  return [...rows.values()].sort((a, b) => a.key.localeCompare(b.key));
}
