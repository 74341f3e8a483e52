import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Button } from "antd";
import { Download, RotateCcw, Square } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { type Job, jobQuery, unfinished } from "@/api/jobs";
import { useFormat } from "@/app/appearance";
import { useMay, useSession } from "@/app/session";
import { Json } from "@/components/CodeSnippet";
import { ConfirmButton } from "@/components/ConfirmButton";
import { DetailDrawer } from "@/components/DetailDrawer";
import { ExactTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { useSayText } from "@/i18n/useSayText";
import { useWrite } from "@/lib/useWrite";
import { Asker, JobProgress, JobStatus } from "./parts";
import { useKindName } from "./words";

export function JobDrawer({ id, onClose }: { id: string | undefined; onClose: () => void }) {
  const [last, setLast] = useState(id);
  if (id && id !== last) setLast(id);
  const kindName = useKindName();
  const query = useQuery({ ...jobQuery(last ?? ""), enabled: id !== undefined });
  const job = query.data;
  return (
    <DetailDrawer
      open={id !== undefined}
      onClose={onClose}
      title={job ? kindName(job.kind) : last}
      width={560}
      actions={job && <Actions job={job} onGone={onClose} />}
    >
      {query.error ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        job && <Details job={job} />
      )}
    </DetailDrawer>
  );
}

/** Cancel, try again, delete: for whoever asked, and for who may change the jobs of others. */
function Actions({ job, onGone }: { job: Job; onGone: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const session = useSession();
  const mayAll = useMay("jobs:write");
  const mine = mayAll || session?.user?.id === job.asker.id;
  const renew = () => client.invalidateQueries({ queryKey: ["jobs"] });
  const params = { path: { id: job.id } };
  const cancel = useWrite({
    mutationFn: () => data(api.POST("/api/v1/jobs/{id}/cancel", { params })),
    onSuccess: renew,
  });
  const retry = useWrite({
    mutationFn: () => data(api.POST("/api/v1/jobs/{id}/retry", { params })),
    onSuccess: renew,
  });
  const remove = useWrite({
    mutationFn: () => data(api.DELETE("/api/v1/jobs/{id}", { params })),
    onSuccess: async () => {
      onGone();
      await renew();
    },
  });
  return (
    <span className="row">
      {job.file && (
        <Button
          type="primary"
          icon={<Download size={14} />}
          href={`/api/v1/jobs/${job.id}/file`}
          download={job.file.name}
        >
          {t("jobs.download")}
        </Button>
      )}
      {mine && unfinished(job) && (
        <Button
          icon={<Square size={13} />}
          disabled={job.cancelling}
          loading={cancel.isPending}
          onClick={() => cancel.mutate()}
        >
          {t("jobs.cancel")}
        </Button>
      )}
      {mine && job.retryable && (
        <Button icon={<RotateCcw size={14} />} loading={retry.isPending} onClick={() => retry.mutate()}>
          {t("jobs.retry")}
        </Button>
      )}
      {mayAll && !unfinished(job) && (
        <ConfirmButton
          does="delete"
          bare
          title={t("jobs.deleteTitle")}
          text={job.file ? t("jobs.deleteText") : undefined}
          ok={t("jobs.delete")}
          run={() => remove.mutateAsync()}
          pending={remove.isPending}
        >
          {t("jobs.delete")}
        </ConfirmButton>
      )}
    </span>
  );
}

function Details({ job }: { job: Job }) {
  const { t } = useTranslation();
  const format = useFormat();
  const say = useSayText();
  const took =
    job.ended_at && job.started_at ? (Date.parse(job.ended_at) - Date.parse(job.started_at)) / 1000 : null;
  return (
    <div className="stack drawer-stack">
      <div className="row job-head">
        <JobStatus job={job} />
        {job.title &&
          (job.subject.startsWith("seg_") ? (
            <Link to="/segments/$id" params={{ id: job.subject }} className="text-link">
              {job.title}
            </Link>
          ) : (
            <span>{job.title}</span>
          ))}
      </div>
      {unfinished(job) && <JobProgress job={job} />}
      {job.note && <p className="muted">{say(job.note, job.note.template)}</p>}
      {job.failure && (
        <div className="job-failure" role="alert">
          <p>{say(job.failure.detail_text, job.failure.detail)}</p>
          {job.failure.hint && <p className="muted">{say(job.failure.hint_text, job.failure.hint)}</p>}
        </div>
      )}
      {job.file && (
        <p>
          <code>{job.file.name}</code> <span className="muted">{format.bytes(job.file.bytes)}</span>
        </p>
      )}
      {job.file_erased_at && (
        <p className="muted">{t("jobs.fileErased", { time: format.dateTime(job.file_erased_at) })}</p>
      )}
      <Result job={job} />
      <dl className="pairs">
        <dt>{t("jobs.asker")}</dt>
        <dd>
          <Asker job={job} />
        </dd>
        {job.schedule && (
          <>
            <dt>{t("jobs.schedule.one")}</dt>
            <dd>
              <Link to="/jobs" search={{ tab: "schedules", open: job.schedule }} className="text-link">
                {job.due_at ? t("jobs.dueAt", { at: format.dateTime(job.due_at) }) : job.schedule}
              </Link>
            </dd>
          </>
        )}
        <dt>{t("jobs.created")}</dt>
        <dd>
          <ExactTime at={job.created_at} />
        </dd>
        {job.ended_at && (
          <>
            <dt>{t("jobs.ended")}</dt>
            <dd>
              <ExactTime at={job.ended_at} />
            </dd>
          </>
        )}
        {took !== null && (
          <>
            <dt>{t("jobs.took")}</dt>
            <dd>{format.duration(took)}</dd>
          </>
        )}
        <dt>{t("jobs.attempts")}</dt>
        <dd>{format.num(job.attempts)}</dd>
        {job.owner && (
          <>
            <dt>{t("jobs.owner")}</dt>
            <dd>
              <code>{job.owner}</code>
            </dd>
          </>
        )}
        <dt>{t("jobs.id")}</dt>
        <dd>
          <code>{job.id}</code>
        </dd>
      </dl>
      {Object.keys(job.input).length > 0 && (
        <section>
          <h3 className="drawer-title">{t("jobs.input")}</h3>
          <Json value={job.input} />
        </section>
      )}
    </div>
  );
}

/** What came of it, as the kind tells it. */
function Result({ job }: { job: Job }) {
  const { t } = useTranslation();
  const format = useFormat();
  if (job.status !== "done" || typeof job.result !== "object" || job.result === null) return null;
  const r = job.result as Record<string, unknown>;
  const figures = (["rows", "replayed", "rejected"] as const).flatMap((key) => {
    const n = r[key];
    return typeof n === "number" ? [{ key, n }] : [];
  });
  if (figures.length > 0)
    return (
      <dl className="facts">
        {figures.map(({ key, n }) => (
          <div key={key} data-bad={key === "rejected" && n > 0 ? true : undefined}>
            <dt>{t(`jobs.result.${key}`)}</dt>
            <dd>{format.num(n)}</dd>
          </div>
        ))}
      </dl>
    );
  return (
    <section>
      <h3 className="drawer-title">{t("jobs.result.title")}</h3>
      <Json value={job.result} />
    </section>
  );
}
