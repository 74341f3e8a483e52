import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Alert, App, Button } from "antd";
import { ChevronRight, Pause, Pencil, Play, Send } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { segmentsQuery, webhookQuery } from "@/api/queries";
import type { Webhook, WebhookEvent, WebhookTest } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { CodeSnippet } from "@/components/CodeSnippet";
import { ConfirmButton } from "@/components/ConfirmButton";
import { DetailDrawer } from "@/components/DetailDrawer";
import { Num } from "@/components/Num";
import { PageHeader } from "@/components/PageHeader";
import { Pill } from "@/components/Pill";
import { ExactTime, RelativeTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { useSayText } from "@/i18n/useSayText";
import { useSetSearch } from "@/lib/useSetSearch";
import { useWrite } from "@/lib/useWrite";
import { Deliveries } from "./Deliveries";
import { NewSecret, UpTo } from "./parts";
import { StatusPill } from "./status";
import { EditWebhook } from "./WebhookForm";
import "./webhooks.css";

const eventWords = {
  "segment.entered": "webhooks.entered",
  "segment.left": "webhooks.left",
  "person.merged": "webhooks.merged",
  "person.split": "webhooks.split",
  "quality.alarm_opened": "webhooks.alarmOpened",
  "quality.alarm_closed": "webhooks.alarmClosed",
} as const satisfies Record<WebhookEvent, string>;

const route = getRouteApi("/shell/webhooks/$id");

/** One webhook: how its receiver does, what was and is to be told, its settings. */
export function WebhookPage() {
  const { id } = route.useParams();
  const query = useQuery({ ...webhookQuery(id), refetchInterval: 5_000 });
  const { t } = useTranslation();
  if (query.error && !query.data)
    return (
      <div className="page">
        <PageHeader title={t("webhooks.title")} />
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      </div>
    );
  if (!query.data)
    return (
      <div className="page">
        <PageHeader title={t("webhooks.title")} />
        <div className="card card-pad stack">
          {[60, 40, 80].map((w) => (
            <span key={w} className="bone" style={{ width: `${w}%` }} />
          ))}
        </div>
      </div>
    );
  return <Body webhook={query.data} />;
}

function Body({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation();
  const { edit } = route.useSearch();
  const setSearch = useSetSearch();
  const may = useMay("webhooks:write");
  const [test, setTest] = useState<WebhookTest>();
  return (
    <div className="page">
      <nav className="crumbs" aria-label={t("webhooks.title")}>
        <Link to="/webhooks">{t("webhooks.title")}</Link>
        <ChevronRight size={13} />
      </nav>
      <PageHeader
        title={webhook.name}
        about={<code className="webhook-url">{webhook.url}</code>}
        actions={may && <Actions webhook={webhook} onTested={setTest} />}
      />
      <div className="stack">
        {test && <TestResult test={test} onClose={() => setTest(undefined)} />}
        <Trouble webhook={webhook} />
        <Facts webhook={webhook} />
        <Deliveries webhook={webhook} />
        <Settings webhook={webhook} />
      </div>
      <DetailDrawer
        open={edit === true && may}
        onClose={() => setSearch({ edit: undefined })}
        title={t("webhooks.edit")}
        width={520}
      >
        <EditWebhook webhook={webhook} onClose={() => setSearch({ edit: undefined })} />
      </DetailDrawer>
    </div>
  );
}

function Actions({ webhook, onTested }: { webhook: Webhook; onTested: (r: WebhookTest) => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const setSearch = useSetSearch();
  const path = { id: webhook.id };
  const test = useWrite({
    mutationFn: () =>
      data(api.POST("/api/v1/webhooks/{id}/test", { params: { path, header: idempotencyKey() } })),
    onSuccess: onTested,
  });
  const pause = useWrite({
    mutationFn: () =>
      webhook.queue.paused
        ? data(api.POST("/api/v1/webhooks/{id}/resume", { params: { path, header: idempotencyKey() } }))
        : data(api.POST("/api/v1/webhooks/{id}/pause", { params: { path, header: idempotencyKey() } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["webhooks"] }),
  });
  return (
    <>
      <Button icon={<Send size={14} />} loading={test.isPending} onClick={() => test.mutate()}>
        {t("webhooks.test")}
      </Button>
      <Button
        icon={webhook.queue.paused ? <Play size={14} /> : <Pause size={14} />}
        loading={pause.isPending}
        onClick={() => pause.mutate()}
      >
        {t(webhook.queue.paused ? "webhooks.resume" : "webhooks.pause")}
      </Button>
      <Button type="primary" icon={<Pencil size={14} />} onClick={() => setSearch({ edit: true }, "push")}>
        {t("webhooks.edit")}
      </Button>
    </>
  );
}

function TestResult({ test, onClose }: { test: WebhookTest; onClose: () => void }) {
  const { t } = useTranslation();
  const say = useSayText();
  const format = useFormat();
  return (
    <section className="card card-pad stack" data-testid="test-result">
      <div className="row">
        <Pill tone={test.delivered ? "good" : "bad"} dot>
          {t(test.delivered ? "webhooks.testDelivered" : "webhooks.testFailed")}
        </Pill>
        {test.status > 0 && <span className="num">HTTP {test.status}</span>}
        <span className="muted">{format.duration(test.took_ms / 1000)}</span>
        <Button size="small" type="text" className="push-right" onClick={onClose}>
          {t("action.close")}
        </Button>
      </div>
      {test.error && <p>{say(test.error_text, test.error)}</p>}
      {test.answer && <CodeSnippet code={test.answer} maxHeight={160} />}
    </section>
  );
}

function Trouble({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation();
  const say = useSayText();
  const { queue } = webhook;
  if (queue.paused)
    return (
      <Alert
        type="warning"
        showIcon
        title={t("webhooks.pausedTitle")}
        description={t("webhooks.pausedText")}
      />
    );
  if (queue.failures === 0) return null;
  return (
    <Alert
      type="error"
      showIcon
      title={t("webhooks.failingTitle", { count: queue.failures, n: queue.failures })}
      description={
        <>
          <p>{say(queue.error_text, queue.error)}</p>
          {queue.held_until && (
            <p className="muted">
              {t("webhooks.heldUntil")} <ExactTime at={queue.held_until} />
            </p>
          )}
        </>
      }
    />
  );
}

function Facts({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation();
  const { queue } = webhook;
  return (
    <section className="card card-pad">
      <dl className="facts">
        <div>
          <dt>{t("webhooks.statusTitle")}</dt>
          <dd className="fact-small">
            <StatusPill webhook={webhook} />
          </dd>
        </div>
        <div>
          <dt>{t("webhooks.delivered")}</dt>
          <dd>
            <Num value={queue.delivered} />
          </dd>
        </div>
        <div>
          <dt>{t("webhooks.waiting")}</dt>
          <dd>
            <UpTo value={queue.waiting} />
          </dd>
        </div>
        <div>
          <dt>{t("webhooks.dead")}</dt>
          <dd>
            <UpTo value={queue.dead_letters} />
          </dd>
        </div>
        <div>
          <dt>{t("webhooks.failedAttempts")}</dt>
          <dd>
            <Num value={queue.failed} />
          </dd>
        </div>
        <div>
          <dt>{t("webhooks.lastDelivered")}</dt>
          <dd className="fact-small">
            <RelativeTime at={queue.delivered_at} />
          </dd>
        </div>
      </dl>
    </section>
  );
}

function Settings({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation();
  const format = useFormat();
  const segments = useQuery(segmentsQuery).data?.items;
  const none = t("webhooks.nothing");
  return (
    <section className="card">
      <div className="card-head">
        <h2>{t("webhooks.settings")}</h2>
      </div>
      <div className="card-pad stack">
        <dl className="webhook-settings">
          <dt>{t("webhooks.segments")}</dt>
          <dd className="row">
            {webhook.segments.map((id) =>
              id === "*" ? (
                <span key={id}>{t("webhooks.allSegments")}</span>
              ) : (
                <Link key={id} to="/segments/$id" params={{ id }} className="text-link">
                  {segments?.find((s) => s.id === id)?.name ?? id}
                </Link>
              ),
            )}
          </dd>
          <dt>{t("webhooks.events")}</dt>
          <dd>{webhook.events.map((e) => t(eventWords[e])).join(" · ")}</dd>
          <dt>{t("webhooks.identifiers")}</dt>
          <dd>{t(`webhooks.identifierChoice.${webhook.identifiers}`)}</dd>
          <dt>{t("webhooks.backfill")}</dt>
          <dd>{t(webhook.backfill ? "webhooks.yes" : "webhooks.no")}</dd>
          <dt>{t("webhooks.headers")}</dt>
          <dd>{webhook.headers.length > 0 ? <code>{webhook.headers.join(", ")}</code> : none}</dd>
          <dt>{t("webhooks.concurrency")}</dt>
          <dd>{format.num(webhook.concurrency)}</dd>
          <dt>{t("webhooks.perSecond")}</dt>
          <dd>{webhook.per_second > 0 ? format.num(webhook.per_second) : t("webhooks.noLimit")}</dd>
        </dl>
        <Secrets webhook={webhook} />
      </div>
    </section>
  );
}

function Secrets({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const navigate = useNavigate();
  const may = useMay("webhooks:write");
  const [secret, setSecret] = useState("");
  const path = { id: webhook.id };
  const rotate = useWrite({
    mutationFn: () => data(api.POST("/api/v1/webhooks/{id}/rotate", { params: { path }, body: {} })),
    onSuccess: async (w) => {
      setSecret(w.secret ?? "");
      message.success(t("webhooks.rotated"));
      await client.invalidateQueries({ queryKey: ["webhooks"] });
    },
  });
  const remove = useWrite({
    mutationFn: () => data(api.DELETE("/api/v1/webhooks/{id}", { params: { path } })),
    onSuccess: async () => {
      message.success(t("webhooks.deleted", { name: webhook.name }));
      await navigate({ to: "/webhooks" });
      await client.invalidateQueries({ queryKey: ["webhooks"] });
    },
  });
  return (
    <>
      <div>
        <h3 className="drawer-title">{t("webhooks.secrets")}</h3>
        <ul className="webhook-secrets">
          {webhook.secrets.map((s) => (
            <li key={s.created_at} className="row">
              <code>{s.prefix}</code>
              <span className="muted">
                {s.ends_at ? t("webhooks.secretEnds") : t("webhooks.secretSince")}{" "}
                <ExactTime at={s.ends_at ?? s.created_at} />
              </span>
            </li>
          ))}
        </ul>
      </div>
      {secret && <NewSecret secret={secret} />}
      {may && (
        <div className="row">
          <ConfirmButton
            does="rotate"
            title={t("webhooks.rotateTitle")}
            text={t("webhooks.rotateText")}
            ok={t("webhooks.rotate")}
            run={() => rotate.mutateAsync()}
            pending={rotate.isPending}
          >
            {t("webhooks.rotate")}
          </ConfirmButton>
          <ConfirmButton
            does="delete"
            title={t("webhooks.deleteTitle", { name: webhook.name })}
            text={t("webhooks.deleteText")}
            ok={t("action.delete")}
            run={() => remove.mutateAsync()}
            pending={remove.isPending}
          >
            {t("webhooks.delete")}
          </ConfirmButton>
        </div>
      )}
    </>
  );
}
