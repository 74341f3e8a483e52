import type { components } from "../src/api/schema";
import { type Asked, ago, empty, find, page } from "./server.ts";
import { sources } from "./world.ts";

type S = components["schemas"];

/** As `ago` counts: days. */
const minute = 1 / 1440;

function alarm(more: Partial<S["QualityAlarm"]>): S["QualityAlarm"] {
  return {
    id: "alm_0000000000000001",
    source: sources[0]!.id,
    event: "",
    kind: "silent",
    field: "",
    began_at: ago(4 * minute),
    opened_at: ago(3.5 * minute),
    last_at: ago(0.2 * minute),
    closed_at: null,
    usual: 412,
    seen: 0,
    usual_type: "",
    seen_type: "",
    noted_by: "",
    noted_at: null,
    muted_until: null,
    ...more,
  };
}

const alarms: S["QualityAlarm"][] = [
  alarm({
    event: "order_paid",
    kind: "type_changed",
    field: "amount",
    usual: 1,
    seen: 0.97,
    usual_type: "number",
    seen_type: "string",
  }),
  alarm({
    id: "alm_0000000000000002",
    source: sources[1]!.id,
    kind: "volume_drop",
    usual: 236.4,
    seen: 104.2,
    began_at: ago(75 * minute),
    noted_by: "usr_1",
    noted_at: ago(60 * minute),
    muted_until: null,
  }),
  alarm({
    id: "alm_0000000000000003",
    source: sources[1]!.id,
    event: "view_car",
    kind: "field_missing",
    field: "series",
    usual: 0.998,
    seen: 0.41,
    began_at: ago(1500 * minute),
    closed_at: ago(1320 * minute),
  }),
];

/** A wave that is always the same, with a dent in the newest minutes of the first source. */
function scores(by: string): S["QualityScore"][] {
  const [step, n] = by === "minute" ? [minute, 60] : [60 * minute, 24];
  return Array.from({ length: n }, (_, i) => n - i).flatMap((back) =>
    sources.slice(0, 4).map((source, at): S["QualityScore"] => {
      const dent = at === 0 && back < 5 ? 0.55 : 1;
      const share = (x: number) => Math.round(1000 * (1 - Math.abs(Math.sin(back + at)) * x)) / 1000;
      const parts = {
        completeness: share(0.01),
        validity: Math.min(share(0.004), dent),
        freshness: 1,
        uniqueness: share(0.006),
        volume: share(0.02),
        schema: 1,
      };
      return {
        source: source.id,
        start: ago(back * step),
        refused: dent < 1 ? 160 : 0,
        mended: dent < 1 && back > 2 ? 120 : 0,
        events: Math.round(Math.round(step / minute) * (400 - 90 * at) * share(0.2)),
        parts,
        score: Math.round(1000 * Object.values(parts).reduce((a, b) => a * b, 1)) / 10,
      };
    }),
  );
}

/** What hangs on any field of the pretended organisation. */
export const uses: S["Uses"] = {
  uses: [
    {
      kind: "segment",
      id: "seg_1",
      name: "高价值车主",
      owner: "",
      how: ["compares"],
      steps: 1,
      via: [],
      out: null,
    },
    {
      kind: "mend",
      id: "mnd_1",
      name: "amount as a number",
      owner: "",
      how: ["changes"],
      steps: 1,
      via: [],
      out: null,
    },
    {
      kind: "expectation",
      id: sources[0]!.id,
      name: "order_paid",
      owner: "",
      how: ["checks"],
      steps: 1,
      via: [],
      out: null,
    },
    {
      kind: "webhook",
      id: "wh_1",
      name: "CRM",
      owner: "",
      how: [],
      steps: 2,
      via: [{ kind: "segment", id: "seg_1", name: "高价值车主" }],
      out: { name: "crm.example.com", contacts: "full" },
    },
  ],
  hidden: 1,
  truncated: false,
};

export function answerQuality({ method, path, q }: Asked): unknown {
  const [what, id, verb] = path;
  if (what === "sources") return undefined;
  if (what === "scores") return { items: empty ? [] : scores(q.get("by") ?? "hour"), next_cursor: "" };
  if (verb === "impact") {
    const at = find(alarms, id);
    const carried = at.kind === "type_changed" || at.kind === "field_missing";
    return {
      from: at.began_at,
      to: at.closed_at,
      known: carried,
      events: carried ? 1284 : 0,
      persons: carried ? 902 : 0,
      whole: true,
      segments: carried ? [{ id: "seg_1", name: "高价值车主", entered: 14, left: 3, members: 61 }] : [],
      ...uses,
    } satisfies S["AlarmImpact"];
  }
  if (method === "GET") return page(alarms, q);
  const noted = find(alarms, id);
  if (verb === "note") Object.assign(noted, { noted_by: "usr_1", noted_at: new Date().toISOString() });
  return noted;
}
