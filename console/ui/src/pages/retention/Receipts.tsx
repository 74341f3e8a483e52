import { useQuery } from "@tanstack/react-query";
import { Hourglass } from "lucide-react";
import { useTranslation } from "react-i18next";
import { type Column, DataTable } from "@/components/DataTable";
import { Num } from "@/components/Num";
import { RelativeTime } from "@/components/RelativeTime";
import { EmptyState } from "@/components/states";
import { type RetentionRun, retentionRunsQuery } from "./queries";

/** What has been removed, by run. */
export function Receipts() {
  const { t } = useTranslation();
  const query = useQuery(retentionRunsQuery);
  const sum = (r: RetentionRun, what: "removed" | "held") =>
    (r.counts ?? []).reduce((n, c) => n + c[what], 0);
  const columns: Column<RetentionRun>[] = [
    {
      key: "started",
      title: t("retention.runAt"),
      width: 160,
      value: (r) => r.started_at,
      time: true,
      render: (r) => <RelativeTime at={r.started_at} />,
    },
    {
      key: "rules",
      title: t("retention.rules"),
      width: 320,
      value: (r) => (r.counts ?? []).map((c) => c.rule).join(" · "),
    },
    {
      key: "removed",
      title: t("retention.removed"),
      width: 190,
      align: "right",
      value: (r) => sum(r, "removed"),
      render: (r) => (r.ended_at ? <Num value={sum(r, "removed")} /> : <span className="muted">…</span>),
    },
    {
      key: "held",
      title: t("retention.held"),
      width: 160,
      align: "right",
      value: (r) => sum(r, "held"),
      render: (r) => <Num value={sum(r, "held")} />,
    },
  ];
  return (
    <section style={{ marginTop: 24 }}>
      <h2>{t("retention.receipts")}</h2>
      <DataTable
        id="retention-runs"
        label={t("retention.receipts")}
        columns={columns}
        rows={query.data?.items}
        rowKey={(r) => r.id}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        empty={
          <EmptyState icon={<Hourglass />} title={t("retention.noRuns")} hint={t("retention.noRunsHint")} />
        }
      />
    </section>
  );
}
