import type { components } from "../src/api/schema";
import { type Asked, ago, empty, find } from "./server.ts";
import { people } from "./world.ts";

type S = components["schemas"];

const holds: S["Hold"][] = [
  {
    id: "hold_1",
    state: "holding",
    reason: "Accident of 12 March, claim 2026-118 事故理赔",
    persons: 2,
    placed_by: "ana@example.com",
    placed_at: ago(40),
    until: ago(-200),
    lifted_at: null,
  },
  {
    id: "hold_2",
    state: "lifted",
    reason: "Tax audit",
    segment: "Owners",
    persons: 318,
    placed_by: "ana@example.com",
    placed_at: ago(300),
    until: null,
    lifted_by: "bo.lin@example.com",
    lifted_at: ago(20),
  },
];

/** Whose data nobody may remove. */
export function answerHolds({ path }: Asked): unknown {
  if (!path[0]) return { items: empty ? [] : holds } satisfies S["HoldList"];
  return { ...find(holds, path[0]), people: people.slice(0, 2).map((p) => p.person) };
}

const rules: S["RetentionRule"][] = [
  { name: "Page views", kind: "events", event: "page", action: "anonymise", keep_days: 400 },
  { name: "Birthdays 生日", kind: "traits", traits: ["birthday"], keep_days: 1100 },
];

/** How long events and traits are kept. */
export function answerRetention({ path }: Asked): unknown {
  if (path[0] === "runs")
    return {
      items: empty
        ? []
        : [1, 2, 3].map((d) => ({
            id: `job_retention_${d}`,
            started_at: ago(d),
            ended_at: ago(d - 0.001),
            version: 1,
            counts: [
              {
                rule: "Page views",
                kind: "events",
                action: "anonymise",
                before: ago(400 + d),
                removed: 8_204 - d,
                held: 31,
              },
              {
                rule: "Birthdays 生日",
                kind: "traits",
                action: "erase",
                before: ago(1100 + d),
                removed: 2,
                held: 0,
              },
            ],
          })),
    } satisfies S["RetentionRuns"];
  return {
    version: empty ? 0 : 1,
    rules: empty ? [] : rules,
    actor: empty ? "" : "ana@example.com",
    set_at: empty ? null : ago(90),
  } satisfies S["Retention"];
}
