/** The rules of identity, what they would change, what is shared: all of it in memory. */
import type { components } from "../src/api/schema";
import type { IdentityKind, IdentityRules, SharedIdentifier } from "../src/api/types";
import { type Asked, ago, empty, Problem } from "./server.ts";
import * as world from "./world.ts";

type S = components["schemas"];
type Rule = { kinds?: Partial<IdentityKind>[]; reset?: string[]; blocked?: BlockRule[] };
type BlockRule = { kind?: string; value: string; blocked: boolean };

const rules = world.identityRules;
const kindOf = (kind: string | undefined) => rules.kinds.find((k) => k.kind === kind);

export function answerIdentity({ method, path, body }: Asked): unknown {
  const [what, which, more] = path;
  switch (what) {
    case "kinds":
      return kinds(method, which, body);
    case "blocked":
      return which === "test" ? testBlocked(body) : block(body);
    case "check":
      return check(body);
    case "suggestions":
      if (method === "GET") return { items: empty ? [] : world.suggestions, next_cursor: "" };
      world.suggestions.splice(0);
      return undefined;
    case "shared":
      return shared(method, which, body);
    case "preview":
      return preview(body);
    case "reruns":
      return { items: more === "samples" ? samples : [{ id: "job_rerun" }], next_cursor: "" };
    case "undo":
      return {
        id: world.people[3]?.person.id,
        other: world.people[4]?.person.id,
        kind: "split",
        command: "cmd_undo",
      };
  }
  return rules;
}

/** A change waits until the rules are run again. */
function waits(kind: string | undefined): void {
  const p = rules.pending ?? { since: ago(0), kinds: [], values: 0, partial: false, undoable: true };
  if (kind && !p.kinds.includes(kind)) p.kinds.push(kind);
  else if (!kind) p.values++;
  rules.pending = p;
}

function kinds(method: string, kind: string | undefined, body: Partial<IdentityKind>): IdentityRules {
  const have = kindOf(kind);
  if (method === "PATCH" && have) Object.assign(have, body, { changed: true });
  else if (method === "PATCH" && kind)
    rules.kinds.push({
      ...(kindOf("openid") as IdentityKind),
      ...body,
      kind,
      built_in: false,
      changed: true,
    });
  else if (method === "DELETE" && have) have.changed = false;
  if (method !== "GET") waits(kind);
  return rules;
}

function block(body: BlockRule): IdentityRules {
  const list = body.kind ? kindOf(body.kind)?.blocked : rules.blocked;
  const have = list?.find((b) => b.value === body.value);
  if (have && (have.built_in || body.blocked)) have.blocked = body.blocked;
  else if (have) list?.splice(list.indexOf(have), 1);
  else list?.push({ value: body.value, blocked: true, built_in: false, changed_at: ago(0) });
  waits(undefined);
  return rules;
}

/** Whether an entry catches a value: a literal, one *, or /…/. */
function catches(entry: string, value: string): boolean {
  const re = /^\/(.*)\/$/.exec(entry)?.[1];
  if (re !== undefined) return new RegExp(`^(?:${re})$`, "i").test(value);
  const text = entry.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace("*", ".*");
  return new RegExp(`^${text}$`, "i").test(value);
}

function testBlocked(body: { kind?: string; value: string; samples?: string[] }) {
  if (body.value === "*" || body.value === "/.*/")
    throw new Problem(400, "The entry would match anything.", "Say more of the value.");
  const all = world.people
    .flatMap((m) => m.person.identifiers)
    .filter((i) => !body.kind || i.kind === body.kind);
  const caught = all.filter((i) => catches(body.value, i.value));
  return {
    samples: (body.samples ?? []).map((value) => ({ value, blocked: catches(body.value, value) })),
    looked: all.length,
    caught: caught.length,
    examples: caught.slice(0, 20).map(({ kind, value }) => ({ kind, value })),
  };
}

function check(body: { kind: string; value: string }) {
  const bare = String(body.value)
    .replace(/^["'“]+|["'”]+$/g, "")
    .toLowerCase();
  const lists = [rules.blocked, kindOf(body.kind)?.blocked ?? []];
  const at = lists.findIndex((l) => l.some((b) => b.blocked && catches(b.value, bare)));
  return {
    kind: body.kind,
    role: kindOf(body.kind)?.role ?? "identifies",
    value: at < 0 ? body.value.trim() : "",
    refusal: at < 0 ? "" : "blocked",
    blocked_by: at < 0 ? "" : bare,
    everywhere: at === 0,
    holders: [],
  };
}

function shared(method: string, node: string | undefined, body: any): unknown {
  if (method === "GET" && !node) return { items: empty ? [] : world.shared, next_cursor: "" };
  const have = world.shared.find((s) => String(s.node) === (node ?? String(body?.node)));
  if (method === "GET") {
    const one = have ?? (world.shared[0] as SharedIdentifier);
    return {
      ...one,
      related_persons: world.people.slice(4, 16).map((m, i) => ({
        person: m.person.id,
        first_seen: ago(20 - i),
        last_seen: ago(i / 4),
        events: 40 - i,
      })),
    };
  }
  if (have && body.state === "auto") have.decided = "detector";
  if (have && body.state !== "auto")
    Object.assign(have, { state: body.state, decided: "operator", at: ago(0) });
  if (!have) {
    const [kind, ...value] = String(body.identifier ?? "").split(":");
    world.shared.unshift({
      ...(world.shared[0] as SharedIdentifier),
      node: 5000 + world.shared.length,
      kind: kind ?? "",
      value: value.join(":"),
      state: body.state,
      decided: "operator",
      at: ago(0),
      witness: "",
    });
  }
  return { id: have?.id ?? "", state: body.state, command: world.id("cmd"), parted: 4 };
}

const person = (i: number) => (world.people[i] as (typeof world.people)[number]).person;
const names = (i: number) => person(i).identifiers.map(({ kind, value }) => ({ kind, value }));
const inSegments = (i: number) =>
  person(i).segments.map((s) => ({
    id: s.id,
    name: world.segments.find((x) => x.id === s.id)?.name ?? s.id,
  }));

/** Of a split: what is named goes; of a merge: the second becomes part of the first. */
function preview(body: { kind: string; body: { identifiers?: string[] } }): S["IdentityPreview"] {
  const refs = body.body.identifiers ?? [];
  const at = refs.map((ref) =>
    world.people.findIndex((m) => m.person.identifiers.some((i) => `${i.kind}:${i.value}` === ref)),
  );
  const [a = 3, b = 4] = at.map((n) => Math.max(0, n));
  const line = (
    i: number,
    identifiers: S["Identifier"][],
    more: Partial<S["IdentityPreviewPerson"]> = {},
  ) => ({
    id: person(i).id,
    identifiers,
    more: 0,
    events: person(i).counters.events,
    segments: inSegments(i),
    unsure: [],
    traits: person(i).traits,
    foretold: true,
    ...more,
  });
  if (body.kind === "person.split") {
    const goes = names(a).filter((i) => refs.includes(`${i.kind}:${i.value}`));
    const stays = names(a).filter((i) => !refs.includes(`${i.kind}:${i.value}`));
    const half = Math.floor(person(a).counters.events / 2);
    return {
      before: [line(a, names(a))],
      after: [
        line(a, stays, { events: half }),
        line(a, goes, {
          id: "p_new",
          events: half,
          segments: inSegments(a).slice(0, 1),
          traits: {},
          unsure: inSegments(a).slice(1, 2),
        }),
      ],
    };
  }
  return {
    before: [line(a, names(a)), line(b, names(b))],
    after: [
      line(a, [...names(a), ...names(b)], { events: person(a).counters.events + person(b).counters.events }),
    ],
  };
}

const samples: S["RerunSample"][] = [
  {
    kind: "split",
    before: [{ id: person(3).id, identifiers: names(3) }],
    after: [
      { id: person(3).id, identifiers: names(3).slice(0, 1) },
      { id: "p_9q2", identifiers: names(3).slice(1) },
    ],
    because: [
      {
        from: names(3)[0] as S["Identifier"],
        to: (names(3)[1] ?? names(3)[0]) as S["Identifier"],
        evidence: "event",
        source: world.sources[0]?.id ?? "",
        time: ago(12),
        reason: "limit of 3 device_id",
      },
    ],
  },
  {
    kind: "merge",
    before: [
      { id: person(5).id, identifiers: names(5) },
      { id: person(6).id, identifiers: names(6) },
    ],
    after: [{ id: person(5).id, identifiers: [...names(5), ...names(6)] }],
    because: [
      {
        from: names(5)[0] as S["Identifier"],
        to: names(6)[0] as S["Identifier"],
        evidence: "identify",
        source: world.sources[0]?.id ?? "",
        time: ago(3),
        reason: "",
      },
    ],
  },
];

/** What the job that runs the rules again has found, or done. */
export function rerunResult(input: { rules?: Rule; commit?: boolean }): Record<string, unknown> {
  const segment = (i: number, touched: number, enter: number, leave: number) => ({
    id: world.segments[i]?.id ?? "",
    name: world.segments[i]?.name ?? "",
    size: 4200 - i * 600,
    touched,
    merged: 2,
    enter,
    leave,
    after: 4200 - i * 600 + enter - leave,
  });
  if (input.commit) {
    for (const k of input.rules?.kinds ?? []) Object.assign(kindOf(k.kind) ?? {}, k, { changed: true });
    rules.pending = null;
  }
  return {
    commit: input.commit === true,
    rules: input.rules ?? {},
    was: input.commit ? { kinds: [{ ...kindOf("device_id"), limit: 10 }] } : {},
    beyond: 0,
    clusters: 412,
    changed: 47,
    merged: 12,
    split: 38,
    shared: 3,
    unshared: 0,
    skipped: 1,
    identifiers: 48_213,
    concerned: 61,
    moved: 143,
    persons: 20_412,
    persons_then: 20_438,
    largest: 14,
    samples: samples.length,
    foretold: 50,
    segments: [segment(0, 31, 12, 4), segment(1, 9, 0, 3), segment(2, 2, 1, 0)],
  };
}
