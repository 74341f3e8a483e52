import type { components } from "../src/api/schema";
import { type Asked, ago, empty, find, newId, Problem, page, remove } from "./server.ts";
import { sources } from "./world.ts";

type S = components["schemas"];
type Plan = S["TrackingPlan"];
type Whole = Plan & { draft: S["PlanDocument"] };

const shop: S["PlanDocument"] = {
  unplanned_events: "quarantine",
  unplanned_properties: "drop",
  missing: "quarantine",
  invalid: "coerce",
  events: [
    {
      name: "Order Completed",
      display_name: "下单成功",
      description: "支付完成后由服务端上报一次",
      owner: "电商组",
      schema: {
        type: "object",
        required: ["amount", "items"],
        additionalProperties: false,
        properties: {
          amount: { type: "number", minimum: 0, "x-unit": "CNY" },
          status: { enum: ["new", "paid", "refunded"] },
          paid_at: { type: "string", format: "date-time" },
          plate: { type: ["string", "null"], pattern: "^[\\u4e00-\\u9fa5][A-Z]", "x-action": "drop" },
          items: {
            type: "array",
            minItems: 1,
            items: {
              type: "object",
              required: ["sku"],
              properties: {
                sku: { type: "string", maxLength: 40 },
                price: { type: "number", minimum: 0 },
                options: { type: "array", items: { type: "string" } },
              },
            },
          },
        },
      },
    },
    {
      name: "Test Drive Booked",
      display_name: "预约试驾",
      owner: "线索组",
      schema: {
        type: "object",
        required: ["model"],
        properties: { model: { type: "string" }, dealer: { type: "string" } },
      },
    },
    { name: "$identify", schema: null },
  ],
};

const earlier: S["PlanDocument"] = {
  ...shop,
  invalid: "allow",
  events: shop.events.slice(1).map((e) => (e.name === "$identify" ? e : { ...e, owner: "" })),
};

const plans: Whole[] = [
  planOf("pln_1", "商城", [], 2, true, shop),
  planOf("pln_2", "Owner app 车主 App", [sources[0]?.id ?? ""], 0, false, earlier),
];

function planOf(
  id: string,
  name: string,
  of: string[],
  revision: number,
  live: boolean,
  draft: S["PlanDocument"],
): Whole {
  return {
    id,
    name,
    sources: of,
    version: 3,
    revision,
    live,
    created_at: ago(40),
    updated_at: ago(1.2),
    events: draft.events.length,
    changed: revision === 0,
    draft,
  };
}

const revisionOf = (
  p: Whole,
  revision: number,
  note: string,
  document: S["PlanDocument"],
): S["PlanRevision"] => ({
  revision,
  name: p.name,
  sources: p.sources,
  document,
  note,
  actor: "usr_1",
  published_at: ago(30 / revision),
});

const revisions: Record<string, S["PlanRevision"][]> = Object.fromEntries(
  plans.map((p) => [
    p.id,
    p.revision === 0 ? [] : [revisionOf(p, 2, "金额改为数值", shop), revisionOf(p, 1, "first", earlier)],
  ]),
);

const broken: Omit<S["PreviewedBreach"], "examples">[] = [
  { event: "Order Completed", path: "amount", rule: "type", action: "coerce", wanted: "number", count: 1204 },
  {
    event: "Order Completed",
    path: "amount",
    rule: "range",
    action: "quarantine",
    wanted: "at least 0",
    count: 31,
  },
  {
    event: "Order Completed",
    path: "status",
    rule: "enum",
    action: "quarantine",
    wanted: 'one of "new", "paid", "refunded"',
    count: 214,
  },
  {
    event: "Order Completed",
    path: "coupon_code",
    rule: "unplanned_property",
    action: "drop",
    wanted: "",
    count: 98,
  },
  {
    event: "order_completed",
    path: "",
    rule: "unplanned_event",
    action: "quarantine",
    wanted: "",
    count: 12,
  },
  {
    event: "Order Completed",
    path: "items",
    rule: "length",
    action: "quarantine",
    wanted: "1 or more elements",
    count: 3,
  },
];
const examples: unknown[][] = [["12.5", "8,800"], [-1], ["PAID", "完成"], ["SPRING"], [], [[]]];

const breaches = (hours: number): S["PlanBreaches"] => ({
  since: ago(hours / 24),
  checks: sources.slice(0, 1).map((s) => ({ source: s.id, events: 48_210, broken: 1530 })),
  breaches: broken.map((b, at) => ({
    ...b,
    source: sources[0]?.id ?? "",
    last_at: ago(0.01 * (at + 1)),
    hours: Array.from({ length: 10 }, (_, i) => ({
      hour: new Date(Math.floor((Date.now() - i * 2 * 3_600_000) / 3_600_000) * 3_600_000).toISOString(),
      count: Math.ceil(b.count / (10 + ((i * 7 + at) % 5))),
    })),
  })),
});

const short = ({ draft: _, ...p }: Whole): Plan => p;

/** Tracking plans. Conversions of other products' plans give a small document, whatever is sent. */
export function answerPlans({ method, path, q, body }: Asked): unknown {
  const [id, part] = path;
  if (!id) return method === "POST" ? create(body) : list(q);
  if (id === "observe")
    return { events_seen: empty ? 0 : 20_000, plan: empty ? { ...shop, events: [] } : shop };
  if (id === "import")
    return {
      name: "导入的方案",
      plan: earlier,
      left_out: ["Order Paid → context: rules for all events at once"],
    };
  const p = find(plans, id);
  switch (part) {
    case undefined:
      if (method === "DELETE") return remove(plans, id);
      return method === "PATCH" ? change(p, body) : p;
    case "publish":
      p.revision++;
      revisions[p.id] = [revisionOf(p, p.revision, body.note ?? "", p.draft), ...(revisions[p.id] ?? [])];
      return Object.assign(p, { live: true, changed: false });
    case "retire":
      return Object.assign(p, { live: false });
    case "preview":
      return {
        events: 20_000,
        broken: 1530,
        set_aside: 260,
        breaches: broken.map((b, i) => ({ ...b, examples: examples[i] ?? [] })),
      };
    case "revisions":
      return { items: revisions[p.id] ?? [], next_cursor: "" };
    case "breaches":
      return breaches(Number(q.get("hours") ?? 24));
  }
  throw new Problem(404, `There is no ${part}.`);
}

function list(q: URLSearchParams) {
  const [event, source] = [q.get("event"), q.get("source")];
  const some = plans.filter(
    (p) => (!event || p.draft.events.some((e) => e.name === event)) && (!source || p.live),
  );
  return page(
    some.map((p) => {
      const e = p.draft.events.find((x) => x.name === event);
      const planned = e && {
        name: e.name,
        display_name: e.display_name ?? "",
        description: e.description ?? "",
        owner: e.owner ?? "",
      };
      return { ...short(p), ...(planned ? { planned } : {}) };
    }),
    q,
  );
}

function create(body: { name: string; sources: string[]; draft: S["PlanDocument"] }) {
  const p = planOf(newId("pln"), body.name, body.sources, 0, false, body.draft);
  plans.push(p);
  revisions[p.id] = [];
  return p;
}

function change(p: Whole, body: Partial<Whole>) {
  Object.assign(p, body, { version: p.version + 1, updated_at: ago(0), changed: true });
  return Object.assign(p, { events: p.draft.events.length });
}
