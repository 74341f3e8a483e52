import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Progress } from "antd";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { type Job, unfinished } from "@/api/jobs";
import type { IdentityRules } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { useConfirm } from "@/components/ConfirmButton";
import { RelativeTime } from "@/components/RelativeTime";
import { useSayText } from "@/i18n/useSayText";
import { useLabels } from "@/lib/labels";
import { useWrite } from "@/lib/useWrite";
import { RerunFound } from "./RerunFound";
import { lastRerunQuery, mayUndo, type RerunResult, type RulesChange, rerunJob } from "./rerun";

/** Starts a run of the rules over all persons: to see, or in earnest. */
export function useRerun() {
  const client = useQueryClient();
  return useWrite({
    mutationFn: ({ rules, commit }: { rules: RulesChange; commit: boolean }) =>
      data(
        api.POST("/api/v1/jobs", {
          params: { header: idempotencyKey() },
          body: { kind: rerunJob, input: { rules, commit } },
        }),
      ),
    onSuccess: (job) => {
      client.setQueryData(lastRerunQuery.queryKey, job);
    },
  });
}

/** What the rules of now would make of the persons that are there: seen first, then done, then taken back by a click. */
export function Rerun({ rules }: { rules: IdentityRules | undefined }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const maySee = useMay("jobs:read");
  const may = useMay("identity:write") && maySee;
  const job = useQuery({ ...lastRerunQuery, enabled: maySee }).data;
  const run = useRerun();
  const busy = !!job && unfinished(job);
  // What has changed meanwhile is read again when a run ends.
  const before = useRef(job?.status);
  useEffect(() => {
    const ran = before.current === "running" || before.current === "queued";
    before.current = job?.status;
    if (ran && !busy) void client.invalidateQueries({ queryKey: ["identity"] });
  }, [job?.status, busy, client]);
  if (!maySee) return null;
  return (
    <section className="card" data-rerun={job?.status ?? "none"}>
      <div className="card-head">
        <h2>
          {t("people.rerun.title")} <small>{t("people.rerun.about")}</small>
        </h2>
        {may && !busy && (
          <Button
            size="small"
            loading={run.isPending && !run.variables.commit}
            onClick={() => run.mutate({ rules: {}, commit: false })}
          >
            {t("people.rerun.look")}
          </Button>
        )}
      </div>
      <div className="rerun-body" aria-live="polite">
        {rules?.pending && !busy && <Pending pending={rules.pending} />}
        {rules && !rules.pending && !job && <p className="muted">{t("people.rerun.follows")}</p>}
        {job && busy && <Running job={job} />}
        {job && !busy && <Ended job={job} may={may} run={run} />}
      </div>
    </section>
  );
}

/** Rules that hold for new events only, so far. */
function Pending({ pending: p }: { pending: NonNullable<IdentityRules["pending"]> }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const what = [
    ...p.kinds.map((k) => labels.identifierKind(k)),
    ...(p.values > 0 ? [t("people.rerun.values", { count: p.values, n: format.num(p.values) })] : []),
  ];
  return (
    <Alert
      type="warning"
      showIcon
      title={t(p.partial ? "people.rerun.partial" : "people.rerun.pending")}
      description={
        <>
          {what.join(" · ")}
          {what.length > 0 && " · "}
          <RelativeTime at={p.since} />
        </>
      }
    />
  );
}

function Running({ job }: { job: Job }) {
  const { t } = useTranslation();
  const format = useFormat();
  const say = useSayText();
  const client = useQueryClient();
  const cancel = useWrite({
    mutationFn: () => data(api.POST("/api/v1/jobs/{id}/cancel", { params: { path: { id: job.id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["jobs"] }),
  });
  const commit = (job.input as { commit?: boolean }).commit === true;
  return (
    <div>
      <div className="row">
        <b>{t(commit ? "people.rerun.doing" : "people.rerun.looking")}</b>
        <span className="muted push-right num">
          {job.total > 0
            ? t("people.rerun.of", { done: format.num(job.done), total: format.num(job.total) })
            : job.note && say(job.note, job.note.template)}
        </span>
        <Button size="small" loading={cancel.isPending || job.cancelling} onClick={() => cancel.mutate()}>
          {t("action.cancel")}
        </Button>
      </div>
      <Progress
        percent={job.total > 0 ? Math.min(100, (100 * job.done) / job.total) : 0}
        showInfo={false}
        size="small"
        status="active"
      />
    </div>
  );
}

function Ended({ job, may, run }: { job: Job; may: boolean; run: ReturnType<typeof useRerun> }) {
  const { t } = useTranslation();
  const say = useSayText();
  const client = useQueryClient();
  const confirm = useConfirm();
  const retry = useWrite({
    mutationFn: () => data(api.POST("/api/v1/jobs/{id}/retry", { params: { path: { id: job.id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["jobs"] }),
  });
  if (job.status === "failed" || job.status === "cancelled")
    return (
      <Alert
        type={job.status === "failed" ? "error" : "info"}
        showIcon
        title={t(`people.rerun.${job.status}`)}
        description={
          job.failure && (
            <>
              <p>{say(job.failure.detail_text ?? undefined, job.failure.detail)}</p>
              {job.failure.hint && <p>{say(job.failure.hint_text ?? undefined, job.failure.hint)}</p>}
            </>
          )
        }
        action={
          may &&
          job.retryable && (
            <Button size="small" loading={retry.isPending} onClick={() => retry.mutate()}>
              {t("people.rerun.again")}
            </Button>
          )
        }
      />
    );
  const found = job.result as unknown as RerunResult | null;
  if (!found) return null;
  const commit = () =>
    confirm({
      title: t("people.rerun.commitTitle"),
      text: t("people.rerun.commitText"),
      ok: t("people.rerun.commit"),
      run: () => run.mutateAsync({ rules: found.rules, commit: true }),
    });
  return (
    <RerunFound job={job} found={found}>
      {may && !found.commit && (
        <Button type="primary" loading={run.isPending && run.variables.commit} onClick={commit}>
          {t("people.rerun.commit")}
        </Button>
      )}
      {may && mayUndo(found) && (
        <Button
          loading={run.isPending && run.variables.commit}
          onClick={() => run.mutate({ rules: found.was, commit: true })}
        >
          {t("people.rerun.undo")}
        </Button>
      )}
    </RerunFound>
  );
}
