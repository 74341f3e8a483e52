import type { components } from "../src/api/schema";
import { type Asked, ago, empty, find, page } from "./server.ts";

type S = components["schemas"];

const request = (n: number, more: Partial<S["PrivacyRequest"]>): S["PrivacyRequest"] => ({
  id: `prq_${n}`,
  kind: "erasure",
  state: "done",
  bulk: "",
  identifiers: [],
  persons: 1,
  suppress: false,
  reason: "request",
  note: "",
  asked_by: "ana@example.com",
  asked_at: ago(n),
  due_at: ago(n - 30),
  ended_at: ago(n - 0.002),
  command: `cmd_erase_${n}`,
  job: "job_privacy",
  failure: "",
  hold: "",
  receipt: `rcp_${n}`,
  ...more,
});

const open = { ended_at: null, receipt: "", command: "" };
const requests = [
  request(1, { ...open, state: "waiting", identifiers: ["email:zoe.lee@example.com"], note: "来电要求删除" }),
  request(2, { ...open, state: "held", identifiers: ["user_id:u-88"], hold: "hold_1" }),
  request(3, {}),
  request(4, { kind: "access", receipt: "", identifiers: ["user_id:u-12"] }),
  request(5, { bulk: "blk_1", suppress: true }),
  request(6, { state: "nobody", persons: 0, receipt: "" }),
];

const receipt = (id: string): S["PrivacyReceipt"] => ({
  signature: "Zm9yIGEgcHJldGVuZGVkIHNlcnZlciBvbmx5LCBub3QgdmVyaWZpYWJsZQ==",
  receipt: {
    format: "touchstone-erasure-receipt/1",
    id,
    issued_at: ago(3),
    program: "0.1.0-mock",
    request: "prq_3",
    reason: "request",
    asked_by: "ana@example.com",
    asked_at: ago(3),
    command: "cmd_erase_3",
    erased_at: ago(3),
    persons: 1,
    removed: [
      { part: "identity", place: "identity_nodes", before: 4, after: 0 },
      { part: "profile", place: "profiles", before: 1, after: 0 },
      { part: "segment", place: "segment_states", before: 1, after: 0 },
      { part: "warehouse", place: "events", before: 318, after: 0 },
    ],
    places: [
      { part: "log", how: "left out when it is read, taken out by the next compaction" },
      { part: "exports", how: "2 files deleted" },
    ],
    tombstone: { key: "5d726eea18db", identifiers: 4, suppress: false },
    compaction: { state: "done", at: ago(2.9) },
    key: "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",
  },
});

/** Who asked to be forgotten or to see what is kept, and what came of it. */
const register: S["Register"] = {
  head: { controller: "示例汽车有限公司", contact: "privacy@example.com", officer: "李敏", country: "CN" },
  head_version: 1,
  activities: [
    {
      id: "act_1",
      version: 3,
      changed_by: "李敏",
      changed_at: ago(2),
      name: "会员与订单",
      description: "下单、交付与售后",
      purposes: ["service"],
      basis: "contract",
      basis_note: "购车合同",
      people: ["客户"],
      classes: ["phone", "email"],
      other_data: ["订单"],
      recipients: [
        { kind: "webhook", id: "wh_1", name: "CRM", country: "DE", safeguard: "" },
        { name: "物流公司", country: "CN", safeguard: "" },
      ],
      rules: ["浏览记录"],
      retention: "订单保存 10 年",
      measures: ["全盘加密", "按角色脱敏"],
      automated: false,
      owner: "电商部",
      review_at: "2027-01-31",
      ended: false,
      needs_assessment: true,
    },
    {
      id: "act_2",
      version: 1,
      changed_by: "王强",
      changed_at: ago(30),
      name: "活动短信",
      basis: "consent",
      classes: ["phone"],
      recipients: [],
      retention: "2 年",
      owner: "市场部",
      needs_assessment: false,
    },
  ],
  assessments: [
    {
      id: "pia_1",
      version: 4,
      changed_by: "李敏",
      changed_at: ago(400),
      activity: "act_1",
      title: "客户数据同步到 CRM",
      necessity: "售后需要",
      impact: "联系方式可能被境外人员查看",
      risks: [{ risk: "越权访问", likelihood: 2, severity: 3, measure: "按角色脱敏", residual: 1 }],
      decision: "with_measures",
      valid_until: "2026-01-01",
      state: "approved",
      submitted_by: "王强",
      approved_by: "李敏",
      due: true,
    },
  ],
  facts: {
    data: [
      { class: "phone", fields: ["trait:phone", "property:nr"] },
      { class: "email", fields: ["trait:email"] },
      { class: "location", fields: ["property:gps"] },
    ],
    recipients: [
      { kind: "webhook", id: "wh_1", name: "CRM", to: "crm.example.com", contacts: "full" },
      { kind: "mail", id: "example.com", name: "example.com", to: "example.com", contacts: "none" },
    ],
    purposes: [
      { key: "service", zh: "履行合同", en: "Contract", class: "" },
      { key: "marketing", zh: "营销", en: "Marketing", class: "" },
    ],
    rules: ["浏览记录"],
  },
  gaps: [
    { kind: "data", subject: "location", name: "location", activity: "", found_at: ago(1) },
    { kind: "recipient", subject: "mail:example.com", name: "example.com", activity: "", found_at: ago(3) },
    { kind: "purpose", subject: "marketing", name: "marketing", activity: "", found_at: ago(3) },
    { kind: "transfer", subject: "webhook:wh_1", name: "CRM", activity: "act_1", found_at: ago(9) },
    { kind: "assessment_due", subject: "", name: "会员与订单", activity: "act_1", found_at: ago(9) },
  ],
};

/** As the server searches, as far as lists in the preview need it. */
function found(r: S["PrivacyRequest"], q: URLSearchParams): boolean {
  const text = (q.get("q") ?? "").toLowerCase();
  const says = [r.id, r.bulk, r.asked_by, r.note, ...r.identifiers].join("\n").toLowerCase();
  return (
    ["kind", "state", "reason"].every((k) => !q.get(k) || q.get(k) === r[k as "kind"]) &&
    (q.get("late") !== "true" || (!r.ended_at && r.due_at < new Date().toISOString())) &&
    says.includes(text)
  );
}

/** A record in three versions: what it is now, without its data abroad, and as it began. */
function versionsOf(now: S["ProcessingActivityRecord"]) {
  const before = {
    ...now,
    classes: ["phone"],
    measures: ["全盘加密"],
    recipients: now.recipients?.slice(1),
    retention: "订单保存 5 年",
  };
  const first = { ...before, basis: "consent" as const, basis_note: "", people: [], rules: [] };
  return [now, before, first].map((record, i) => ({
    id: now.id,
    version: 3 - i,
    changed_by: ["李敏", "王强", "李敏"][i],
    changed_at: ago(2 + 20 * i),
    record,
  }));
}

export function answerPrivacy({ path, q }: Asked): unknown {
  const [part, id] = path;
  const issued = requests.filter((r) => r.receipt);
  switch (part) {
    case "requests":
      return id
        ? find(requests, id)
        : page(
            requests.filter((r) => found(r, q)),
            q,
          );
    case "register":
      if (id === "versions")
        return {
          items:
            path[2] === "act_1" ? versionsOf(register.activities[0] as S["ProcessingActivityRecord"]) : [],
          next_cursor: "",
        };
      return empty ? { ...register, activities: [], assessments: [], gaps: [] } : register;
    case "receipts":
      return id
        ? receipt(id)
        : page(
            issued.map((r) => ({ id: r.receipt, request: r.id, command: r.command, at: r.asked_at })),
            q,
          );
  }
  return {
    counts: empty ? [] : requests.map(({ kind, state }) => ({ kind, state, count: 1 })),
    late: 0,
    tombstones: empty ? 0 : 12,
  };
}
