import { useQuery } from "@tanstack/react-query";
import { ShieldCheck } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { type Column, DataTable } from "@/components/DataTable";
import { Named } from "@/components/Named";
import { RelativeTime } from "@/components/RelativeTime";
import { EmptyState } from "@/components/states";
import { useLabels } from "@/lib/labels";
import { useSources } from "@/lib/useSources";
import { type Group, groupsQuery } from "./queries";
import { useRepairWords } from "./words";

/** What waits in quarantine, by what is wrong: each line is something that one rule may mend. */
export function GroupsTable(props: {
  source: string | undefined;
  open: string | undefined;
  onOpen: (key: string) => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const sources = useSources();
  const words = useRepairWords();
  const query = useQuery({ ...groupsQuery(props.source), refetchInterval: 15_000 });
  const columns: Column<Group>[] = [
    {
      key: "reason",
      title: t("collect.repair.wrong"),
      width: 380,
      value: (g) => words.reason(g),
      render: (g) => (
        <span className="reason">
          <b>{words.reason(g)}</b>
          <span className="ellipsis muted" title={g.reason}>
            {g.reason}
          </span>
        </span>
      ),
    },
    {
      key: "event",
      title: t("collect.quarantine.event"),
      width: 180,
      value: (g) => (g.event ? labels.event(g.event) : undefined),
      render: (g) => (g.event ? <Named sort="event" name={g.event} /> : "–"),
    },
    {
      key: "source",
      title: t("collect.quarantine.source"),
      width: 140,
      value: (g) => sources.nameOf(g.source),
    },
    {
      key: "count",
      title: t("collect.repair.count"),
      width: 110,
      align: "right",
      value: (g) => g.count,
      render: (g) => format.num(g.count),
    },
    {
      key: "last",
      title: t("collect.repair.lastAt"),
      width: 130,
      align: "right",
      value: (g) => g.last_at,
      time: true,
      render: (g) => <RelativeTime at={g.last_at} />,
    },
  ];
  return (
    <DataTable
      id="quarantine-groups"
      label={t("collect.repair.tab.groups")}
      columns={columns}
      rows={query.data?.items}
      rowKey={(g) => g.key}
      loading={query.isLoading}
      error={query.error}
      onRetry={() => void query.refetch()}
      onOpen={(g) => props.onOpen(g.key)}
      openKey={props.open}
      empty={
        <EmptyState
          icon={<ShieldCheck />}
          title={t("collect.quarantine.empty")}
          hint={t("collect.quarantine.emptyHint")}
        />
      }
    />
  );
}
