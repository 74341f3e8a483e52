import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { App, Button, Switch } from "antd";
import { CalendarClock, Play, Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { ConfirmButton } from "@/components/ConfirmButton";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { EmptyState } from "@/components/states";
import { useSetSearch } from "@/lib/useSetSearch";
import { useWrite } from "@/lib/useWrite";
import { Asker, tones } from "./parts";
import { type Schedule, schedulesQuery } from "./queries";
import { ScheduleForm } from "./ScheduleForm";
import { useKindName } from "./words";

const route = getRouteApi("/shell/jobs");

export function ScheduleList() {
  const { t } = useTranslation();
  const { open } = route.useSearch();
  const setSearch = useSetSearch();
  const kindName = useKindName();
  const format = useFormat();
  const may = useMay("schedules:write");
  const query = useQuery(schedulesQuery);
  const columns: Column<Schedule>[] = [
    {
      key: "name",
      title: t("jobs.schedule.name"),
      width: 260,
      value: (s) => s.name,
      render: (s) => (
        <span className="job-what">
          <b className="ellipsis" title={s.name}>
            {s.name}
          </b>
          <small className="ellipsis">{[kindName(s.kind), s.title].filter(Boolean).join(" · ")}</small>
        </span>
      ),
    },
    {
      key: "cron",
      title: t("jobs.schedule.when"),
      width: 190,
      value: (s) => s.cron,
      render: (s) => (
        <span className="row">
          <code>{s.cron}</code>
          {s.days !== "all" && <Pill>{t(`jobs.schedule.days.${s.days}`)}</Pill>}
        </span>
      ),
    },
    {
      key: "next",
      title: t("jobs.schedule.next"),
      width: 170,
      value: (s) => s.next_at,
      time: true,
      render: (s) =>
        s.next_at ? (
          format.dateTime(s.next_at)
        ) : (
          <Pill>{t(s.paused ? "jobs.schedule.paused" : "jobs.schedule.never")}</Pill>
        ),
    },
    {
      key: "last",
      title: t("jobs.schedule.last"),
      width: 220,
      value: (s) => s.last?.due_at,
      time: true,
      render: (s) => (s.last ? <LastRun last={s.last} /> : <span className="muted">–</span>),
    },
    {
      key: "skipped",
      title: t("jobs.schedule.skipped"),
      help: t("jobs.schedule.skippedHelp"),
      width: 90,
      align: "right",
      optional: true,
      value: (s) => s.skipped,
    },
    {
      key: "asker",
      title: t("jobs.asker"),
      width: 160,
      value: (s) => s.asker.name,
      render: (s) => <Asker job={{ asker: s.asker, schedule: s.id }} />,
    },
  ];
  const create = may && (
    <Button type="primary" icon={<Plus size={15} />} onClick={() => setSearch({ open: "new" }, "push")}>
      {t("jobs.schedule.create")}
    </Button>
  );
  return (
    <>
      <DataTable
        id="schedules"
        label={t("jobs.tabs.schedules")}
        columns={columns}
        rows={query.data?.items}
        rowKey={(s) => s.id}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        defaultSort="next"
        onOpen={(s) => setSearch({ open: s.id }, "push")}
        openKey={open}
        empty={
          <EmptyState
            icon={<CalendarClock />}
            title={t("jobs.schedule.empty")}
            hint={t("jobs.schedule.emptyHint")}
            action={create}
          />
        }
      />
      <ScheduleDrawer
        id={query.error && open !== "new" ? undefined : open}
        schedules={query.data?.items}
        onClose={() => setSearch({ open: undefined })}
      />
    </>
  );
}

function LastRun({ last }: { last: NonNullable<Schedule["last"]> }) {
  const { t } = useTranslation();
  const status = last.status as keyof typeof tones | "";
  return (
    <span className="row">
      <Link to="/jobs" search={{ open: last.job }} className="text-link" onClick={(e) => e.stopPropagation()}>
        <RelativeTime at={last.due_at} />
      </Link>
      {status && (
        <Pill dot tone={tones[status]}>
          {t(`jobs.status.${status}`)}
        </Pill>
      )}
      {last.late && <Pill tone="warn">{t("jobs.late")}</Pill>}
    </span>
  );
}

function ScheduleDrawer(props: {
  id: string | undefined;
  schedules: Schedule[] | undefined;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const [last, setLast] = useState(props.id);
  if (props.id && props.id !== last) setLast(props.id);
  const found = props.schedules?.find((s) => s.id === last);
  const may = useMay("schedules:write");
  return (
    <DetailDrawer
      open={props.id !== undefined && (last === "new" || found !== undefined)}
      onClose={props.onClose}
      title={found?.name ?? t("jobs.schedule.create")}
      width={520}
      actions={found && may && <Actions schedule={found} onGone={props.onClose} />}
    >
      <ScheduleForm key={last} schedule={found} onDone={props.onClose} />
    </DetailDrawer>
  );
}

function Actions({ schedule, onGone }: { schedule: Schedule; onGone: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const params = { path: { id: schedule.id } };
  const renew = async () => {
    await Promise.all([
      client.invalidateQueries({ queryKey: ["schedules"] }),
      client.invalidateQueries({ queryKey: ["jobs"] }),
    ]);
  };
  const run = useWrite({
    mutationFn: () => data(api.POST("/api/v1/schedules/{id}/run", { params })),
    onSuccess: async () => {
      message.success(t("jobs.schedule.started"));
      await renew();
    },
  });
  const pause = useWrite({
    mutationFn: (paused: boolean) => data(api.PATCH("/api/v1/schedules/{id}", { params, body: { paused } })),
    onSuccess: renew,
  });
  const remove = useWrite({
    mutationFn: () => data(api.DELETE("/api/v1/schedules/{id}", { params })),
    onSuccess: async () => {
      onGone();
      await renew();
    },
  });
  return (
    <span className="row">
      <Switch
        checked={!schedule.paused}
        loading={pause.isPending}
        onChange={(on) => pause.mutate(!on)}
        aria-label={t("jobs.schedule.active")}
        title={t("jobs.schedule.active")}
      />
      <Button icon={<Play size={14} />} loading={run.isPending} onClick={() => run.mutate()}>
        {t("jobs.schedule.runNow")}
      </Button>
      <ConfirmButton
        does="delete"
        bare
        title={t("jobs.schedule.deleteTitle", { name: schedule.name })}
        text={t("jobs.schedule.deleteText")}
        ok={t("jobs.schedule.delete")}
        run={() => remove.mutateAsync()}
        pending={remove.isPending}
      >
        {t("jobs.schedule.delete")}
      </ConfirmButton>
    </span>
  );
}
