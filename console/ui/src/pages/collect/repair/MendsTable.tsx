import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Wrench } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { ConfirmButton } from "@/components/ConfirmButton";
import { type Column, DataTable } from "@/components/DataTable";
import { Named } from "@/components/Named";
import { EmptyState } from "@/components/states";
import { useLabels } from "@/lib/labels";
import { useSources } from "@/lib/useSources";
import { useWrite } from "@/lib/useWrite";
import { type Mend, mendsQuery } from "./queries";
import { useRepairWords } from "./words";

/** The rules that hold for what comes, and what they have done. */
export function MendsTable() {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const sources = useSources();
  const words = useRepairWords();
  const client = useQueryClient();
  const may = useMay("plans:write");
  const mayRead = useMay("plans:read");
  const query = useQuery({ ...mendsQuery, enabled: mayRead });
  const remove = useWrite({
    mutationFn: (id: string) => data(api.DELETE("/api/v1/mends/{id}", { params: { path: { id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["mends"] }),
  });
  const columns: Column<Mend>[] = [
    {
      key: "rule",
      title: t("collect.repair.rule"),
      width: 360,
      value: (m) => m.steps.map(words.step).join(" · "),
      render: (m) => (
        <span className="ellipsis" title={m.name}>
          {m.steps.map(words.step).join(" · ")}
        </span>
      ),
    },
    {
      key: "event",
      title: t("collect.quarantine.event"),
      width: 160,
      value: (m) => (m.event ? labels.event(m.event) : t("collect.repair.allEvents")),
      render: (m) => (m.event ? <Named sort="event" name={m.event} /> : t("collect.repair.allEvents")),
    },
    {
      key: "source",
      title: t("collect.quarantine.source"),
      width: 140,
      value: (m) => (m.source ? sources.nameOf(m.source) : t("collect.quarantine.allSources")),
    },
    {
      key: "changed",
      title: t("collect.repair.changed"),
      help: t("collect.repair.changedHelp"),
      width: 110,
      align: "right",
      value: (m) => m.done.changed,
      render: (m) => format.num(m.done.changed),
    },
    {
      key: "failed",
      title: t("collect.repair.failures"),
      help: t("collect.repair.failuresHelp"),
      width: 110,
      align: "right",
      value: (m) => m.done.failed,
      render: (m) => <span title={m.done.field}>{format.num(m.done.failed)}</span>,
    },
    {
      key: "remove",
      title: "",
      width: 100,
      sortable: false,
      value: () => undefined,
      render: (m) =>
        may && (
          <ConfirmButton
            does="delete"
            title={t("collect.repair.removeTitle")}
            text={t("collect.repair.removeText")}
            ok={t("action.delete")}
            run={() => remove.mutateAsync(m.id)}
            pending={remove.isPending}
          >
            {t("action.delete")}
          </ConfirmButton>
        ),
    },
  ];
  return (
    <DataTable
      id="mends"
      label={t("collect.repair.tab.rules")}
      columns={columns}
      rows={mayRead ? query.data?.items : []}
      rowKey={(m) => m.id}
      loading={query.isLoading}
      error={query.error}
      onRetry={() => void query.refetch()}
      empty={
        <EmptyState
          icon={<Wrench />}
          title={t("collect.repair.noRules")}
          hint={t("collect.repair.noRulesHint")}
        />
      }
    />
  );
}
