import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { processesQuery } from "@/api/queries";
import type { RunningProcess } from "@/api/types";
import { type Column, DataTable } from "@/components/DataTable";
import { PageHeader } from "@/components/PageHeader";
import { Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { useReactorName } from "./reactorParts";

type State = "stuck" | "running" | "silent";

const duties = ["pipeline", "sink", "inbox", "reactor"] as const;

/** The row as a person reads it: one that cannot go on is worse than running. */
const stateOf = (p: RunningProcess): State =>
  p.state === "running" && p.stuck.length > 0 ? "stuck" : p.state;
const tones = { running: "good", silent: "bad", stuck: "warn" } as const;

/** Which roles run where, and what each process works on while others stand by. */
export function ProcessesPage() {
  const { t } = useTranslation();
  const query = useQuery(processesQuery);
  const reactorName = useReactorName();
  // What a lease is for; its own name stands in the title.
  const duty = (lease: string) => {
    const [what = "", name] = lease.split(":");
    const key = duties.find((d) => d === what);
    return key ? t(`operate.processes.duty.${key}`, { name: reactorName(name ?? "") }) : lease;
  };
  const columns: Column<RunningProcess>[] = [
    {
      key: "process",
      title: t("operate.processes.process"),
      width: 240,
      value: (p) => `${p.host} ${p.address}`,
      render: (p) => (
        <span>
          <b className="trait">{p.host}</b> <code>{p.address}</code>
        </span>
      ),
    },
    {
      key: "state",
      title: t("operate.processes.state"),
      width: 110,
      value: stateOf,
      render: (p) => (
        <Pill dot tone={tones[stateOf(p)]}>
          {t(`operate.processes.states.${stateOf(p)}`)}
        </Pill>
      ),
    },
    {
      key: "roles",
      title: t("operate.processes.roles"),
      width: 260,
      value: (p) => p.roles.join(" "),
      render: (p) => (
        <span className="row">
          {p.roles.map((r) => (
            <Pill key={r}>{t(`operate.processes.role.${r}`)}</Pill>
          ))}
        </span>
      ),
    },
    {
      key: "leases",
      title: t("operate.processes.leases"),
      width: 280,
      value: (p) => p.leases.join(" "),
      render: (p) =>
        p.leases.length ? (
          <span className="ellipsis" title={p.leases.join("\n")}>
            {p.leases.map(duty).join(" · ")}
          </span>
        ) : (
          <span className="muted">–</span>
        ),
    },
    { key: "version", title: t("operate.processes.version"), width: 80, value: (p) => p.version },
    {
      key: "started",
      title: t("operate.processes.started"),
      width: 130,
      align: "right",
      value: (p) => p.started_at,
      time: true,
      render: (p) => <RelativeTime at={p.started_at} />,
    },
  ];
  return (
    <div className="page">
      <PageHeader title={t("operate.processes.title")} about={t("operate.processes.about")} />
      <DataTable
        id="processes"
        label={t("operate.processes.title")}
        columns={columns}
        rows={query.data?.processes}
        rowKey={(p) => p.id}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
      />
    </div>
  );
}
