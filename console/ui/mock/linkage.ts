import type { components } from "../src/api/schema";
import { type Asked, ago, empty, find, page } from "./server.ts";
import { people } from "./world.ts";

type S = components["schemas"];
type Pair = S["LinkagePair"];

const columns: S["LinkageColumn"][] = [
  { name: "phone", kind: "phone", from: ["id.phone", "trait.phone"], reason: "it is a kind of identifier" },
  { name: "name", kind: "name", from: ["trait.name"], reason: "its name says so" },
  { name: "address", kind: "address", from: ["trait.address"], reason: "its values are addresses" },
  { name: "birthday", kind: "date", from: ["trait.birthday"], reason: "its values are dates" },
];

const compared: S["LinkageCompared"][] = [
  {
    name: "phone",
    kind: "phone",
    values: [["+86 138 0013 8000"], ["+86 138 0013 8006"]],
    level: "one slip",
    bits: 14.2,
    rarity: 0,
  },
  { name: "name", kind: "name", values: [["欧阳思远"], ["思远"]], level: "alike", bits: 3.1, rarity: 0 },
  {
    name: "address",
    kind: "address",
    values: [["杭州市西湖区天目山路 99 号 3 幢 1801 室"], ["天目山路99号"]],
    level: "same numbers, street alike",
    bits: 6.4,
    rarity: 2.6,
  },
  { name: "birthday", kind: "date", values: [["1988-03-09"], []], level: "", bits: 0, rarity: 0 },
  { name: "gender", kind: "place", values: [["女"], ["男"]], level: "different", bits: -4.8, rarity: 0 },
];

const settings: S["LinkageSettings"] = {
  columns: [],
  automatic: false,
  link: null,
  review: null,
  version: '"1"',
};

const pairs: Pair[] = people.slice(0, 60).map((one, i) => ({
  id: `lp_${i}_x`,
  state: i < 48 ? "review" : i < 54 ? "linked" : i < 58 ? "rejected" : "refused",
  weight: 34 - i / 2,
  chance: 1 / (1 + 2 ** (i / 4 - 9)),
  persons: [one.summary, (people[i + 60] ?? one).summary],
  refusal:
    i < 58 ? "" : "p_2 and p_9 cannot become one person: they would have 2 user_id, and 1 is the limit",
  decided_by: i < 48 ? "" : i % 2 ? "model" : "usr_1",
  decided_at: i < 48 ? null : ago(1),
  found_at: ago(0.2),
  model: 3,
  etag: '"1"',
}));

const level = (name: string, m: number, u: number, kin: number) => ({
  name,
  m,
  u,
  kin,
  bits: Math.log2(m / u),
});
const model: S["LinkageModel"] = {
  id: 3,
  made_at: ago(0.2),
  persons: 128_402,
  model: {
    columns,
    match: {
      comparisons: [
        {
          column: "phone",
          kind: "phone",
          levels: [
            level("equal", 0.81, 0.000001, 0.34),
            level("one slip", 0.06, 0.00001, 0.02),
            level("different", 0.13, 0.9999, 0.64),
          ],
        },
        {
          column: "name",
          kind: "name",
          levels: [
            level("equal", 0.78, 0.002, 0.01),
            level("alike", 0.12, 0.01, 0.04),
            level("different", 0.1, 0.98, 0.95),
          ],
        },
      ],
      rules: [
        { keys: [{ column: "phone", key: "last seven" }], pairs: 48_120, found: 0.81, alone: 0.22 },
        { keys: [{ column: "name" }, { column: "birthday" }], pairs: 190_433, found: 0.7, alone: 0.11 },
      ],
      prior: 0.0000004,
      kin: 0.0000001,
      thresholds: { link: 0.81, review: 0.1 },
      training: { records: 128_402, pairs: 238_553, labels: 214, iterations: 12 },
      estimate: { links: 3120, review: 418, precision: 0.991, recall: 0.964, blocking: 0.98 },
    },
  },
};

/** Pairs of persons who may be one. */
export function answerLinkage({ method, path, q, body }: Asked): unknown {
  const [part, id, verb] = path;
  if (!part) {
    const count = (state: Pair["state"]) => (empty ? 0 : pairs.filter((p) => p.state === state).length);
    return {
      settings,
      counts: {
        review: count("review"),
        linked: count("linked"),
        rejected: count("rejected"),
        refused: count("refused"),
      },
      model: empty ? null : model,
      online: { state: empty ? "off" : "ready", persons: 128_402 },
    } satisfies S["Linkage"];
  }
  if (part === "guess") return { columns, kinds: columns.map((c) => c.kind) };
  if (part === "settings") return Object.assign(settings, body);
  if (!id)
    return page(
      pairs.filter((p) => p.state === (q.get("state") ?? "review")),
      q,
    );
  const pair = find(pairs, id);
  if (method === "POST" && verb === "decide") {
    const state = { link: "linked", reject: "rejected", review: "review" } as const;
    Object.assign(pair, {
      state: state[body.decision as keyof typeof state],
      decided_at: ago(0),
      decided_by: "usr_1",
    });
  }
  return { ...pair, prior: -9, relatives: -5.2, compared };
}
