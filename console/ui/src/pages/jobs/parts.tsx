import { Progress } from "antd";
import { useTranslation } from "react-i18next";
import type { Job } from "@/api/jobs";
import { useFormat } from "@/app/appearance";
import { Pill } from "@/components/Pill";

export const tones = {
  queued: "plain",
  running: "gold",
  done: "good",
  failed: "bad",
  cancelled: "plain",
} as const;

export function JobStatus({ job }: { job: Job }) {
  const { t } = useTranslation();
  return (
    <span className="row">
      <Pill dot tone={tones[job.status]}>
        {job.cancelling ? t("jobs.cancelling") : t(`jobs.status.${job.status}`)}
      </Pill>
      {job.late && <Pill tone="warn">{t("jobs.late")}</Pill>}
    </span>
  );
}

export function Asker({ job }: { job: Pick<Job, "asker" | "schedule"> }) {
  const { t } = useTranslation();
  const name =
    job.asker.kind === "system"
      ? t("jobs.system")
      : job.asker.kind === "dev"
        ? t("settings.audit.actors.dev")
        : job.asker.name;
  return (
    <span className="ellipsis" title={name}>
      {name}
    </span>
  );
}

/** How far a job is: a bar with figures while the total is known, and when it will be done. */
export function JobProgress({ job }: { job: Job }) {
  const { t } = useTranslation();
  const format = useFormat();
  if (job.status === "queued") {
    return (
      <span className="muted">
        {job.not_before ? t("jobs.again", { when: format.time(job.not_before) }) : t("jobs.waits")}
      </span>
    );
  }
  const inBytes = job.kind === "backup";
  const n = (x: number) => (inBytes ? format.bytes(x) : format.num(x));
  if (job.status !== "running") {
    return job.done > 0 ? (
      <span className="muted">
        {job.status === "done" || job.total === 0 ? n(job.done) : `${n(job.done)} / ${n(job.total)}`}
      </span>
    ) : (
      <span className="muted">–</span>
    );
  }
  const percent = job.total > 0 ? Math.min(100, Math.floor((job.done / job.total) * 100)) : 0;
  return (
    <span className="job-progress">
      <Progress percent={percent} size="small" showInfo={false} aria-label={t("jobs.progress")} />
      <small className="muted ellipsis">
        {job.total > 0 ? `${n(job.done)} / ${n(job.total)}` : n(job.done)}
        {job.eta_seconds != null && ` · ${t("jobs.eta", { time: format.duration(job.eta_seconds) })}`}
      </small>
    </span>
  );
}
