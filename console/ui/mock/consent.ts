import type { components } from "../src/api/schema";
import { type Asked, ago, empty, page } from "./server.ts";
import { sources } from "./world.ts";

type S = components["schemas"];

const policy: S["ConsentPolicy"] = {
  name: { zh: "六边形汽车", en: "Hexagon Motors" },
  uses: {
    collect: "analytics",
    analyse: "analytics",
    act: "marketing",
    share: "sharing",
    personalise: "marketing",
  },
  refused: "pseudonymise",
  collected: [
    { event: "Order Completed", source: "", purpose: "service", refused: "drop" },
    { event: "Model Viewed", source: sources[0]?.id ?? "", purpose: "marketing", refused: "pseudonymise" },
  ],
  categories: { Analytics: ["analytics"], Advertising: ["marketing"] },
  privacy_url: "https://example.com/privacy",
  channels: [
    { key: "email", title: { zh: "邮件", en: "E-mail" } },
    { key: "phone", title: { zh: "电话", en: "Phone" } },
  ],
  purposes: [
    {
      key: "service",
      basis: "necessary",
      title: { zh: "提供服务", en: "Providing the service" },
      text: { zh: "完成订单、保养和售后所必需。", en: "Needed for orders, maintenance and service." },
      wording: 1,
    },
    {
      key: "analytics",
      basis: "opt_out",
      title: { zh: "统计分析", en: "Statistics" },
      text: { zh: "了解功能如何被使用，以便改进。", en: "To see how things are used, and improve them." },
      wording: 2,
    },
    {
      key: "marketing",
      basis: "opt_in",
      class: "personalised",
      channels: ["email", "phone"],
      title: { zh: "个性化推荐与活动通知", en: "Personal offers" },
      text: { zh: "按你的兴趣推荐车型和活动。", en: "Offers of models and events after your interests." },
      wording: 3,
    },
    {
      key: "sharing",
      basis: "opt_in",
      class: "sharing",
      title: { zh: "提供给合作伙伴", en: "Sharing with partners" },
      text: { zh: "提供给经销商，由其与你联系。", en: "Given to dealers, who then get in touch." },
      wording: 1,
    },
  ],
};

const versions: S["ConsentVersion"][] = [
  { version: 2, set_at: ago(9), actor: "ana@example.com", note: "Offers by phone, too", policy },
  {
    version: 1,
    set_at: ago(120),
    actor: "ana@example.com",
    note: "",
    policy: { ...policy, purposes: policy.purposes.slice(0, 3) },
  },
];

const none: S["ConsentVersion"] = { version: 0, set_at: ago(0), actor: "", note: "", policy: null };

/** How many have chosen what, rising a little every day. */
function numbers(): S["ConsentNumbers"] {
  if (empty) return { as_of: ago(0), now: [], days: [], left_out: [] };
  const of = (share: number, days: number) => Math.round(12_655 * share * (1 - days / 400));
  const rows = (days: number) =>
    [
      { purpose: "analytics", channel: "", choice: "granted", n: of(0.62, days) },
      { purpose: "analytics", channel: "", choice: "denied", n: of(0.06, days) },
      { purpose: "marketing", channel: "email", choice: "denied", n: of(0.22, days) },
      { purpose: "sharing", channel: "", choice: "denied", n: of(0.31, days) },
      { purpose: "marketing", channel: "email", choice: "granted", n: of(0.41, days) },
      { purpose: "marketing", channel: "phone", choice: "non_personalised", n: of(0.12, days) },
      { purpose: "sharing", channel: "", choice: "granted", n: of(0.18, days) },
    ] satisfies S["ConsentNumbers"]["now"];
  const past = Array.from({ length: 30 }, (_, i) => 29 - i);
  return {
    as_of: ago(0),
    now: rows(0),
    days: past.flatMap((d) => rows(d).map((row) => ({ day: ago(d).slice(0, 10), ...row }))),
    left_out: past.map((d) => ({
      day: ago(d).slice(0, 10),
      source: sources[0]?.id ?? "",
      n: 900 + d * 7,
      kept: 600 + d * 5,
    })),
  };
}

/** Purposes, wordings and how many agree. */
export function answerConsent({ path, q }: Asked): unknown {
  switch (path[0]) {
    case "policies":
      return page(versions, q);
    case "numbers":
      return numbers();
    case "template":
      return policy;
  }
  return empty ? none : versions[0];
}

/** How many members a segment's purpose holds back. */
export function heldBack(members: number, purpose = "marketing"): S["ConsentHeld"] {
  if (purpose === "service")
    return { purpose, members, allowed: members, non_personalised: 0, refused: 0, reasons: {}, more: false };
  const refused = Math.round(members * 0.22);
  const non_personalised = Math.round(members * 0.31);
  return {
    purpose: empty ? "" : purpose,
    members,
    allowed: members - refused - non_personalised,
    non_personalised,
    refused,
    reasons: { default: non_personalised, decided: refused },
    more: false,
  };
}

/** What a person has agreed to, with its proof. */
export function consentsOf(
  person: string,
  segments: readonly { id: string; name: string }[],
): S["PersonConsents"] {
  if (empty) return { person, minor: false, verdicts: [], decisions: [], segments: [] };
  return {
    person,
    minor: false,
    verdicts: [
      { outcome: "allowed", reason: "necessary", purpose: "service", channel: "" },
      { outcome: "allowed", reason: "default", purpose: "analytics", channel: "" },
      {
        outcome: "refused",
        reason: "decided",
        purpose: "marketing",
        channel: "phone",
        choice: "denied",
        at: ago(3),
        wording: 3,
      },
      { outcome: "refused", reason: "default", purpose: "sharing", channel: "" },
    ],
    decisions: [
      {
        id: "prf_1",
        purpose: "marketing",
        channel: "phone",
        choice: "denied",
        at: ago(3),
        taken_at: ago(3),
        wording: 3,
        source: "src_web",
        method: "page",
        language: "zh",
        place: "/preferences",
        event: "Consent Updated",
        message_id: "9f0c2d1e-consent-1",
      },
    ],
    segments: segments.map(({ id, name }, i) =>
      i === 0
        ? { id, name, purpose: "marketing", outcome: "non_personalised", reason: "default" }
        : { id, name, purpose: "sharing", outcome: "refused", reason: "default" },
    ),
  };
}
