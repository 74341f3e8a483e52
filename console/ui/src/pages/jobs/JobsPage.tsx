import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Button, Tabs } from "antd";
import { Plus } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useMay } from "@/app/session";
import { PageHeader } from "@/components/PageHeader";
import { useSetSearch } from "@/lib/useSetSearch";
import { CalendarTab } from "./CalendarTab";
import { JobList } from "./JobList";
import { schedulesQuery } from "./queries";
import { ScheduleList } from "./ScheduleList";
import "./jobs.css";

const route = getRouteApi("/shell/jobs");

/** Long work: what runs, what ran, and what runs by the clock. */
export function JobsPage() {
  const { t } = useTranslation();
  const { tab = "jobs" } = route.useSearch();
  const setSearch = useSetSearch();
  const maySee = useMay("schedules:read");
  const may = useMay("schedules:write");
  const items = [
    { key: "jobs", label: t("jobs.tabs.jobs"), children: <JobList /> },
    ...(maySee
      ? [
          { key: "schedules", label: t("jobs.tabs.schedules"), children: <ScheduleList /> },
          { key: "calendar", label: t("jobs.tabs.calendar"), children: <CalendarTab /> },
        ]
      : []),
  ];
  // An empty list offers it itself.
  const none = useQuery({ ...schedulesQuery, enabled: tab === "schedules" }).data?.items.length === 0;
  return (
    <div className="page">
      <PageHeader
        title={t("jobs.title")}
        about={t("jobs.about")}
        actions={
          may &&
          !(tab === "schedules" && none) && (
            <Button
              type={tab === "schedules" ? "primary" : "default"}
              icon={<Plus size={15} />}
              onClick={() => setSearch({ tab: "schedules", open: "new" }, "push")}
            >
              {t("jobs.schedule.create")}
            </Button>
          )
        }
      />
      <Tabs
        activeKey={items.some((i) => i.key === tab) ? tab : "jobs"}
        onChange={(key) =>
          setSearch({
            tab: key === "jobs" ? undefined : key,
            show: undefined,
            open: undefined,
            sort: undefined,
          })
        }
        destroyOnHidden
        items={items}
      />
    </div>
  );
}
