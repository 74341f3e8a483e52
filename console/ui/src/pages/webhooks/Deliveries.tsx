import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { App, Segmented } from "antd";
import { Inbox } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { segmentsQuery, webhookDeliveriesQuery, webhookDeliveryQuery } from "@/api/queries";
import type { Webhook, WebhookDelivery } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { CodeSnippet, Json } from "@/components/CodeSnippet";
import { ConfirmButton } from "@/components/ConfirmButton";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { PersonLink } from "@/components/PersonLink";
import { Pill } from "@/components/Pill";
import { ExactTime, RelativeTime } from "@/components/RelativeTime";
import { EmptyState, ErrorState } from "@/components/states";
import { useSayText } from "@/i18n/useSayText";
import { usePages } from "@/lib/usePages";
import { useSetSearch } from "@/lib/useSetSearch";
import { useWrite } from "@/lib/useWrite";

const route = getRouteApi("/shell/webhooks/$id");

/** What was told, what waits, and what was given up. */
export function Deliveries({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation();
  const { state = "delivered", delivery } = route.useSearch();
  const setSearch = useSetSearch();
  const may = useMay("webhooks:write");
  const [selected, setSelected] = useState<string[]>([]);
  const pages = usePages(
    useInfiniteQuery({ ...webhookDeliveriesQuery(webhook.id, state), refetchInterval: 3_000 }),
  );
  const columns = useColumns(webhook, state);
  const dead = state === "dead" && may;
  return (
    <section>
      <DataTable
        id={`webhook-${state}`}
        label={t("webhooks.deliveries")}
        columns={columns}
        {...pages}
        rowKey={(d) => d.id}
        onOpen={(d) => setSearch({ delivery: d.id }, "push")}
        openKey={delivery}
        {...(dead ? { selection: { keys: selected, onChange: setSelected } } : {})}
        filters={
          <Segmented
            aria-label={t("webhooks.deliveries")}
            value={state}
            onChange={(v) => {
              setSelected([]);
              setSearch({ state: v === "delivered" ? undefined : v });
            }}
            options={(["delivered", "waiting", "dead"] as const).map((v) => ({
              value: v,
              label: t(`webhooks.tab.${v}`),
            }))}
          />
        }
        tools={
          dead &&
          webhook.queue.dead_letters > 0 && (
            <Bulk webhook={webhook} selected={selected} onDone={() => setSelected([])} />
          )
        }
        empty={
          <EmptyState
            icon={<Inbox />}
            title={t(`webhooks.emptyTab.${state}`)}
            hint={t(`webhooks.emptyTabHint.${state}`)}
          />
        }
      />
      <DetailDrawer
        open={delivery !== undefined}
        onClose={() => setSearch({ delivery: undefined })}
        title={t("webhooks.delivery")}
      >
        {delivery && <Detail webhook={webhook} id={delivery} />}
      </DetailDrawer>
    </section>
  );
}

/** While the receiver is given a rest, nothing is tried before its end. */
function nextTry({ queue }: Webhook, due: string | null): string | null {
  return due && queue.held_until && Date.parse(queue.held_until) > Date.parse(due) ? queue.held_until : due;
}

function Result({ delivery }: { delivery: WebhookDelivery }) {
  const { t } = useTranslation();
  if (delivery.status > 0)
    return (
      <Pill tone={delivery.status < 300 ? "good" : "bad"} dot>
        HTTP {delivery.status}
      </Pill>
    );
  if (delivery.attempts === 0) return <span className="muted">{t("webhooks.notTried")}</span>;
  return (
    <Pill tone="bad" dot>
      {t("webhooks.noAnswer")}
    </Pill>
  );
}

function useColumns(webhook: Webhook, state: "delivered" | "waiting" | "dead"): Column<WebhookDelivery>[] {
  const { t } = useTranslation();
  const say = useSayText();
  const format = useFormat();
  const segments = useQuery(segmentsQuery).data?.items;
  const nameOf = (id: string) => segments?.find((s) => s.id === id)?.name ?? id;
  const what = (d: WebhookDelivery) =>
    t(d.type === "segment.left" ? "webhooks.leftSegment" : "webhooks.enteredSegment", {
      name: nameOf(d.segment),
    });
  const when: Column<WebhookDelivery> =
    state === "waiting"
      ? {
          key: "due",
          title: t("webhooks.due"),
          width: 180,
          align: "right",
          value: (d) => nextTry(webhook, d.due),
          time: true,
          render: (d) =>
            webhook.queue.paused ? (
              <span className="muted">{t("webhooks.status.paused")}</span>
            ) : (
              <ExactTime at={nextTry(webhook, d.due)} />
            ),
        }
      : {
          key: "finished",
          title: t(state === "dead" ? "webhooks.givenUp" : "webhooks.deliveredAt"),
          width: 130,
          align: "right",
          value: (d) => d.finished_at,
          time: true,
          render: (d) => <RelativeTime at={d.finished_at} />,
        };
  const columns: Column<WebhookDelivery>[] = [
    {
      key: "what",
      title: t("webhooks.what"),
      width: 260,
      value: what,
      render: (d) => (
        <span className="ellipsis" title={what(d)}>
          {what(d)}
        </span>
      ),
    },
    {
      key: "person",
      title: t("webhooks.person"),
      width: 110,
      value: (d) => d.person,
      render: (d) => <PersonLink person={{ id: d.person, name: d.person }} />,
    },
    {
      key: "result",
      title: t("webhooks.result"),
      width: 120,
      value: (d) => d.status,
      render: (d) => <Result delivery={d} />,
    },
    {
      key: "took",
      title: t("webhooks.latency"),
      width: 90,
      align: "right",
      value: (d) => d.took_ms,
      render: (d) => (d.attempts > 0 ? format.duration(d.took_ms / 1000) : <span className="muted">–</span>),
    },
    {
      key: "attempts",
      title: t("webhooks.attempts"),
      width: 100,
      align: "right",
      value: (d) => d.attempts,
    },
  ];
  if (state !== "delivered")
    columns.push({
      key: "error",
      title: t("webhooks.error"),
      width: 300,
      value: (d) => d.error,
      render: (d) => (
        <span className="ellipsis muted" title={say(d.error_text, d.error)}>
          {say(d.error_text, d.error)}
        </span>
      ),
    });
  return [...columns, when];
}

/** Replays or discards dead letters: those that are selected, or all. */
function Bulk(props: { webhook: Webhook; selected: string[]; onDone: () => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { message } = App.useApp();
  const client = useQueryClient();
  const path = { id: props.webhook.id };
  const body = props.selected.length > 0 ? { ids: props.selected } : { all: true };
  const done = async (text: "webhooks.replayed" | "webhooks.discarded", count: number) => {
    props.onDone();
    message.success(t(text, { count, n: format.num(count) }));
    await client.invalidateQueries({ queryKey: ["webhooks"] });
  };
  const replay = useWrite({
    mutationFn: () =>
      data(api.POST("/api/v1/webhooks/{id}/replay", { params: { path, header: idempotencyKey() }, body })),
    onSuccess: (r) => done("webhooks.replayed", r.count),
  });
  const discard = useWrite({
    mutationFn: () =>
      data(api.POST("/api/v1/webhooks/{id}/discard", { params: { path, header: idempotencyKey() }, body })),
    onSuccess: (r) => done("webhooks.discarded", r.count),
  });
  const some = props.selected.length;
  const n = some || props.webhook.queue.dead_letters;
  return (
    <>
      <ConfirmButton
        does="replay"
        title={t("webhooks.replayTitle", { count: n, n: format.num(n) })}
        text={t("webhooks.replayText")}
        ok={t("webhooks.replay")}
        run={() => replay.mutateAsync()}
        pending={replay.isPending}
      >
        {some > 0 ? t("webhooks.replaySome", { n: format.num(some) }) : t("webhooks.replayAll")}
      </ConfirmButton>
      <ConfirmButton
        does="discard"
        title={t("webhooks.discardTitle", { count: n, n: format.num(n) })}
        text={t("webhooks.discardText")}
        ok={t("webhooks.discard")}
        run={() => discard.mutateAsync()}
        pending={discard.isPending}
      >
        {some > 0 ? t("webhooks.discardSome", { n: format.num(some) }) : t("webhooks.discardAll")}
      </ConfirmButton>
    </>
  );
}

function Detail({ webhook, id }: { webhook: Webhook; id: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const say = useSayText();
  const query = useQuery(webhookDeliveryQuery(webhook.id, id));
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const d = query.data;
  if (!d)
    return (
      <div className="stack">
        <span className="bone" style={{ width: "60%" }} />
        <span className="bone" style={{ width: "80%" }} />
      </div>
    );
  return (
    <div className="stack drawer-stack">
      <dl className="webhook-settings">
        <dt>webhook-id</dt>
        <dd>
          <code>{d.id}</code>
        </dd>
        <dt>{t("webhooks.result")}</dt>
        <dd className="row">
          <Result delivery={d} />
          {d.attempts > 0 && <span className="muted">{format.duration(d.took_ms / 1000)}</span>}
        </dd>
        <dt>{t("webhooks.attempts")}</dt>
        <dd>{format.num(d.attempts)}</dd>
        <dt>{t("webhooks.decided")}</dt>
        <dd>
          <ExactTime at={d.put_at} />
        </dd>
        {d.due && (
          <>
            <dt>{t("webhooks.due")}</dt>
            <dd>
              <ExactTime at={nextTry(webhook, d.due)} />
            </dd>
          </>
        )}
        {d.finished_at && (
          <>
            <dt>{t(d.state === "dead" ? "webhooks.givenUp" : "webhooks.deliveredAt")}</dt>
            <dd>
              <ExactTime at={d.finished_at} />
            </dd>
          </>
        )}
      </dl>
      {d.error && <p>{say(d.error_text, d.error)}</p>}
      {d.answer && (
        <section>
          <h3 className="drawer-title">{t("webhooks.answer")}</h3>
          <CodeSnippet code={d.answer} maxHeight={160} />
        </section>
      )}
      {d.failures.length > 0 && (
        <section>
          <h3 className="drawer-title">{t("webhooks.failures")}</h3>
          <ul className="webhook-failures">
            {d.failures.map((f) => (
              <li key={f.attempt}>
                <span className="num">{format.num(f.attempt)}</span>
                <span>
                  {say(f.error_text, f.error)}
                  {f.answer && <code className="ellipsis">{f.answer}</code>}
                </span>
                <span className="muted">
                  <ExactTime at={f.at} />
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <section>
        <h3 className="drawer-title">{t("webhooks.body")}</h3>
        {d.body ? <Json value={d.body} maxHeight={400} /> : <p className="muted">{t("webhooks.bodyGone")}</p>}
      </section>
    </div>
  );
}
