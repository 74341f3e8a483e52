import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Progress, Segmented } from "antd";
import { ListChecks } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Job } from "@/api/jobs";
import { segmentsQuery } from "@/api/queries";
import { useFormat } from "@/app/appearance";
import { type Column, DataTable } from "@/components/DataTable";
import { RelativeTime } from "@/components/RelativeTime";
import { EmptyState } from "@/components/states";
import { usePages } from "@/lib/usePages";
import { useSetSearch } from "@/lib/useSetSearch";
import { JobDrawer } from "./JobDrawer";
import { Asker, JobProgress, JobStatus } from "./parts";
import { jobsQuery } from "./queries";
import { jobsShown } from "./search";
import { useKindName } from "./words";

const route = getRouteApi("/shell/jobs");

export function JobList() {
  const { t } = useTranslation();
  const { show, open } = route.useSearch();
  const setSearch = useSetSearch();
  const kindName = useKindName();
  const pages = usePages(useInfiniteQuery(jobsQuery(show)));
  const columns: Column<Job>[] = [
    {
      key: "what",
      title: t("jobs.what"),
      width: 300,
      value: (j) => `${kindName(j.kind)} ${j.title}`,
      render: (j) => (
        <span className="job-what">
          <b className="ellipsis">{kindName(j.kind)}</b>
          {j.title && (
            <small className="ellipsis" title={j.title}>
              {j.title}
            </small>
          )}
        </span>
      ),
    },
    {
      key: "status",
      title: t("jobs.statusTitle"),
      width: 150,
      value: (j) => j.status,
      render: (j) => <JobStatus job={j} />,
    },
    {
      key: "progress",
      title: t("jobs.progress"),
      width: 260,
      sortable: false,
      value: (j) => j.done,
      render: (j) => <JobProgress job={j} />,
    },
    {
      key: "asker",
      title: t("jobs.asker"),
      width: 170,
      value: (j) => j.asker.name,
      render: (j) => <Asker job={j} />,
    },
    {
      key: "created",
      title: t("jobs.created"),
      width: 120,
      align: "right",
      value: (j) => j.created_at,
      time: true,
      render: (j) => <RelativeTime at={j.created_at} />,
    },
    {
      key: "ended",
      title: t("jobs.ended"),
      width: 120,
      align: "right",
      value: (j) => j.ended_at,
      time: true,
      render: (j) => (j.ended_at ? <RelativeTime at={j.ended_at} /> : <span className="muted">–</span>),
    },
    {
      key: "owner",
      title: t("jobs.owner"),
      width: 180,
      optional: true,
      value: (j) => j.owner,
      render: (j) => <code>{j.owner}</code>,
    },
  ];
  return (
    <>
      <Builds />
      <DataTable
        id="jobs"
        label={t("jobs.tabs.jobs")}
        columns={columns}
        {...pages}
        rowKey={(j) => j.id}
        onOpen={(j) => setSearch({ open: j.id }, "push")}
        openKey={open}
        filters={
          <Segmented
            value={show ?? "all"}
            onChange={(v) => setSearch({ show: v === "all" ? undefined : v })}
            options={(["all", ...jobsShown] as const).map((v) => ({ value: v, label: t(`jobs.show.${v}`) }))}
          />
        }
        empty={
          show ? (
            <EmptyState title={t("jobs.noneFound")} />
          ) : (
            <EmptyState icon={<ListChecks />} title={t("jobs.empty")} hint={t("jobs.emptyHint")} />
          )
        }
      />
      <JobDrawer id={open} onClose={() => setSearch({ open: undefined })} />
    </>
  );
}

/** Segments are built by the pipeline, beside the jobs; that they are is shown here as well. */
function Builds() {
  const { t } = useTranslation();
  const format = useFormat();
  const building = useQuery({
    ...segmentsQuery,
    refetchInterval: (q) => (q.state.data?.items.some((s) => s.status === "building") ? 1500 : 15_000),
  }).data?.items.filter((s) => s.status === "building");
  if (!building?.length) return null;
  return (
    <section className="card builds" aria-label={t("jobs.builds")}>
      {building.map((s) => (
        <div key={s.id}>
          <Link to="/segments/$id" params={{ id: s.id }} className="text-link ellipsis">
            {t("jobs.building", { name: s.name })}
          </Link>
          <Progress
            percent={Math.floor(s.progress * 100)}
            size="small"
            showInfo={false}
            aria-label={s.name}
          />
          <small className="muted">{format.percent(s.progress)}</small>
        </div>
      ))}
    </section>
  );
}
