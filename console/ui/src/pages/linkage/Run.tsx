import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Progress } from "antd";
import { ScanSearch } from "lucide-react";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { LinkButton } from "@/components/LinkButton";
import { RelativeTime } from "@/components/RelativeTime";
import { useSayText } from "@/i18n/useSayText";
import { useWrite } from "@/lib/useWrite";
import { lastRunQuery, matchJob } from "./queries";

/** Starts the job that compares all persons with each other. */
export function StartRun({ first }: { first: boolean }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const run = useQuery({ ...lastRunQuery, enabled: useMay("jobs:read") }).data;
  const start = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/jobs", {
          params: { header: idempotencyKey() },
          body: { kind: matchJob, input: {} },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: ["jobs"] }),
  });
  const busy = run?.status === "running" || run?.status === "queued";
  return (
    <Button
      type="primary"
      icon={<ScanSearch size={15} />}
      loading={start.isPending}
      disabled={busy}
      onClick={() => start.mutate()}
    >
      {t(first ? "linkage.run.first" : "linkage.run.again")}
    </Button>
  );
}

/** How far the run is, why the last one failed, or when it was. */
export function RunState() {
  const { t } = useTranslation();
  const format = useFormat();
  const say = useSayText();
  const client = useQueryClient();
  const may = useMay("jobs:read");
  const run = useQuery({ ...lastRunQuery, enabled: may }).data;
  const status = run?.status;
  const before = useRef(status);
  useEffect(() => {
    if (before.current !== undefined && before.current !== status && status === "done")
      void client.invalidateQueries({ queryKey: ["linkage"] });
    before.current = status;
  }, [status, client]);
  if (!run) return null;
  const door = (
    <LinkButton to="/jobs" search={{ open: run.id }} size="small">
      {t("linkage.run.job")}
    </LinkButton>
  );
  if (status === "queued" || status === "running")
    return (
      <section className="card card-pad linkage-run" aria-live="polite">
        <div className="row">
          <span>{run.note ? say(run.note, run.note.template) : t("linkage.run.waits")}</span>
          <span className="muted push-right">
            {run.total > 0 &&
              t("linkage.run.of", { done: format.num(run.done), total: format.num(run.total) })}
          </span>
          {door}
        </div>
        <Progress
          percent={run.total > 0 ? Math.min(100, (100 * run.done) / run.total) : 0}
          showInfo={false}
          size="small"
          status="active"
        />
      </section>
    );
  if (status === "failed")
    return (
      <Alert
        className="linkage-note"
        type="error"
        showIcon
        title={t("linkage.run.failed")}
        description={
          <>
            <p>{say(run.failure?.detail_text ?? undefined, run.failure?.detail ?? "")}</p>
            {run.failure?.hint && <p>{say(run.failure.hint_text ?? undefined, run.failure.hint)}</p>}
          </>
        }
        action={door}
      />
    );
  if (status !== "done" || !run.ended_at) return null;
  return (
    <p className="muted linkage-last">
      {t("linkage.run.last")} <RelativeTime at={run.ended_at} />
    </p>
  );
}
