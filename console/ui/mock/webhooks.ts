import type { Webhook, WebhookDelivery, WebhookTest } from "../src/api/types";
import { type Asked, ago, find, newId, Problem, page, remove } from "./server.ts";
import { people, pick, random, segments } from "./world.ts";

const minutes = (n: number) => ago(n / 1440);
const answered = (status: number, rest = "") => ({
  error: `The receiver answered ${status}${rest}`,
  error_text: { template: `The receiver answered {0}${rest}`, params: [String(status)] },
});

function webhook(
  name: string,
  url: string,
  more: Partial<Webhook>,
  queue: Partial<Webhook["queue"]>,
): Webhook {
  return {
    id: newId("whk"),
    name,
    url,
    segments: [segments[0]?.id ?? "*"],
    events: ["segment.entered", "segment.left"],
    identifiers: "masked",
    backfill: false,
    headers: [],
    concurrency: 16,
    per_second: 0,
    created_at: ago(21),
    updated_at: ago(2),
    secrets: [{ prefix: "whsec_k2m7…", created_at: ago(21), ends_at: null }],
    ...more,
    queue: {
      paused: false,
      failures: 0,
      held_until: null,
      waiting: 0,
      dead_letters: 0,
      delivered: 0,
      failed: 0,
      delivered_at: null,
      failed_at: null,
      oldest: null,
      error: "",
      ...queue,
    },
  };
}

const webhooks: Webhook[] = [
  webhook(
    "CRM",
    "https://crm.example.com/hooks/segments",
    {},
    { delivered: 48_213, failed: 37, delivered_at: minutes(0.4), failed_at: ago(1.2), ...answered(502, ".") },
  ),
  webhook(
    "门店企微机器人：高意向试驾客户的到店提醒与回访任务",
    "https://qyapi.example.cn/cgi-bin/webhook/send?key=693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa&safe=1",
    {
      segments: segments.slice(0, 4).map((s) => s.id),
      identifiers: "full",
      headers: ["Authorization"],
      per_second: 20,
    },
    {
      delivered: 9_120,
      failed: 1_204,
      failures: 31,
      waiting: 10_000,
      dead_letters: 61,
      held_until: minutes(-4),
      oldest: minutes(73),
      delivered_at: minutes(74),
      failed_at: minutes(1),
      error: "The receiver did not answer in time.",
      error_text: { template: "The receiver did not answer in time." },
    },
  ),
  webhook(
    "Old loyalty system",
    "http://10.20.0.7:8080/touchstone",
    { segments: ["*"], events: ["segment.entered"], identifiers: "none" },
    {
      paused: true,
      waiting: 214,
      delivered: 102,
      failed: 3,
      delivered_at: ago(6),
      failed_at: ago(5.9),
      ...answered(410, ": it wants no more calls."),
    },
  ),
  webhook("New, nothing sent yet", "https://example.com/new", { created_at: minutes(3) }, {}),
];

const failures = [
  { status: 503, ...answered(503, ".") },
  {
    status: 0,
    error: "The receiver did not answer in time.",
    error_text: { template: "The receiver did not answer in time." },
  },
  {
    status: 302,
    error: "The receiver answered 302: redirects are not followed. (Enter the address that it leads to.)",
    error_text: {
      template: "{0} ({1})",
      params: [
        { template: "The receiver answered {0}: redirects are not followed.", params: ["302"] },
        { template: "Enter the address that it leads to." },
      ],
    },
  },
];

function delivery(i: number, state: WebhookDelivery["state"]): WebhookDelivery {
  const done = state !== "waiting";
  const failed = state === "delivered" ? undefined : failures[i % failures.length];
  return {
    id: newId("msg", 20),
    type: i % 3 ? "segment.entered" : "segment.left",
    segment: pick(segments).id,
    person: pick(people).person.id,
    state,
    put_at: minutes(i * 3 + 1),
    due: done ? null : minutes(-1 - i),
    finished_at: done ? minutes(i * 3) : null,
    attempts: state === "dead" ? 12 : failed ? 1 + (i % 6) : 1,
    status: failed ? failed.status : 204,
    took_ms: failed?.status === 0 ? 15_000 : Math.round(20 + random() * 300),
    error: failed?.error ?? "",
    ...(failed ? { error_text: failed.error_text } : {}),
    answer: failed?.status === 503 ? "<html><body><h1>503 Service Unavailable</h1></body></html>" : "",
  };
}
const deliveries = new Map<string, WebhookDelivery[]>();

function deliveriesOf(w: Webhook): WebhookDelivery[] {
  let list = deliveries.get(w.id);
  if (!list) {
    const some = (n: number, state: WebhookDelivery["state"]) =>
      Array.from({ length: Math.min(n, 120) }, (_, i) => delivery(i, state));
    list = [
      ...some(w.queue.delivered, "delivered"),
      ...some(w.queue.waiting, "waiting"),
      ...some(w.queue.dead_letters, "dead"),
    ];
    deliveries.set(w.id, list);
  }
  return list;
}

export function answerWebhooks({ method, path, q, body }: Asked): unknown {
  const [id, verb, which] = path;
  if (!id && method === "GET") return page(webhooks, q);
  if (!id) {
    const made = webhook(
      body.name,
      body.url,
      { ...body, headers: Object.keys(body.headers ?? {}), created_at: ago(0) },
      {},
    );
    webhooks.unshift(made);
    return { ...made, secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD" };
  }
  if (method === "DELETE") return remove(webhooks, id);
  const w = find(webhooks, id);
  if (method === "PATCH")
    return Object.assign(w, body, body.headers ? { headers: Object.keys(body.headers) } : {});
  const list = deliveriesOf(w);
  switch (verb) {
    case undefined:
      return w;
    case "deliveries": {
      if (!which)
        return page(
          list.filter((d) => d.state === (q.get("state") ?? "delivered")),
          q,
        );
      const d = find(list, which);
      return {
        ...d,
        body:
          d.state === "delivered"
            ? null
            : {
                type: d.type,
                timestamp: d.put_at,
                data: { segment: { id: d.segment }, person: { id: d.person } },
              },
        failures: Array.from({ length: Math.min(d.error ? d.attempts : 0, 12) }, (_, i) => ({
          attempt: i + 1,
          at: minutes(d.attempts - i),
          status: d.status,
          took_ms: d.took_ms,
          error: d.error,
          ...(d.error_text ? { error_text: d.error_text } : {}),
          answer: d.answer,
        })),
      };
    }
    case "pause":
    case "resume":
      w.queue.paused = verb === "pause";
      return w;
    case "rotate":
      for (const s of w.secrets) s.ends_at ??= ago(-1);
      w.secrets.unshift({ prefix: "whsec_p9x1…", created_at: ago(0), ends_at: null });
      return { ...w, secret: "whsec_p9x1sBQIhrscChlQIMV+b5sSYspob7oD" };
    case "test": {
      const bad = w.queue.failures > 0;
      return {
        delivered: !bad,
        status: bad ? 503 : 204,
        took_ms: 84,
        ...(bad ? answered(503, ".") : { error: "" }),
        answer: bad ? "upstream connect error" : "",
      } satisfies WebhookTest;
    }
    case "replay":
    case "discard": {
      const named = list.filter((d) => d.state === "dead" && (body.all || body.ids.includes(d.id)));
      if (verb === "replay")
        for (const d of named) Object.assign(d, { state: "waiting", due: ago(0), finished_at: null });
      else
        deliveries.set(
          w.id,
          list.filter((d) => !named.includes(d)),
        );
      w.queue.dead_letters -= named.length;
      return { count: named.length };
    }
  }
  throw new Problem(404, `There is no ${verb} of a webhook.`);
}
