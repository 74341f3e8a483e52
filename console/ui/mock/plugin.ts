import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connect, Plugin } from "vite";
import type { Segment, Source } from "../src/api/types";
import { answer } from "./answers.ts";
import { answerAudience, flowOf, originOf, trendOf } from "./audience.ts";
import { answerCommands } from "./commands.ts";
import { answerConsent, consentsOf, heldBack } from "./consent.ts";
import { answerHouseholds, householdsOf } from "./households.ts";
import { answerIdentity } from "./identity.ts";
import { answerCalendar, answerJobs, answerSchedules } from "./jobs.ts";
import { answerLinkage } from "./linkage.ts";
import { answerMail } from "./mail.ts";
import { answerMends } from "./mends.ts";
import { answerPlans } from "./plans.ts";
import { answerPrivacy } from "./privacy.ts";
import { answerQuality, uses } from "./quality.ts";
import { answerHolds, answerRetention } from "./retention.ts";
import { answerRoles, permissions } from "./roles.ts";
import { differences, versionsOf } from "./segmentLife.ts";
import { type Asked, ago, empty, find, mode, Problem, page } from "./server.ts";
import { answerStages, answerTemplates } from "./stages.ts";
import { answerTags, answerTaxonomies, tagsOf } from "./tags.ts";
import { answerWebhooks } from "./webhooks.ts";
import * as world from "./world.ts";

/** Answers /api/v1 from memory. `MOCK=empty` is a server without data, `MOCK=signed-out` one that wants a sign-in,
 * `MOCK=setup` a first run, `MOCK=broken` one that fails, `MOCK=stuck` one whose parts stand still. Writes change the memory until the next start. */
export function mockApi(): Plugin {
  return {
    name: "touchstone-mock",
    configureServer: (s) => void s.middlewares.use(handle),
    configurePreviewServer: (s) => void s.middlewares.use(handle),
  };
}

let signedIn = mode !== "signed-out" && mode !== "setup";
const organisation = {
  name: "Hexagon Motors 六边形汽车",
  time_zone: "Asia/Shanghai",
  currency: "CNY",
  order_event: "Order Completed",
  order_amount: "amount",
};
const keys = [
  {
    id: world.id("key"),
    name: "Nightly export",
    prefix: "tsk_4f9a",
    scopes: ["read"],
    created_at: ago(40),
    last_used_at: ago(0.2),
  },
  {
    id: world.id("key"),
    name: "Importer",
    prefix: "tsk_x2m7",
    scopes: ["ingest", "read"],
    created_at: ago(3),
    last_used_at: null,
  },
];
const users = [
  {
    id: world.id("usr"),
    email: "ana@example.com",
    role: "admin",
    created_at: ago(90),
    last_seen_at: ago(0.001),
  },
  {
    id: world.id("usr"),
    email: "bo.lin@example.com",
    role: "analyst",
    created_at: ago(30),
    last_seen_at: ago(4),
  },
];
const started = Date.now();
let processed = 12_748_917;

const handle: Connect.NextHandleFunction = (req, res, next) => {
  const url = new URL(req.url ?? "/", "http://mock");
  if (!url.pathname.startsWith("/api/v1/")) return next();
  void (async () => {
    try {
      const body = req.method === "GET" ? null : await readBody(req);
      const path = url.pathname.slice("/api/v1/".length).split("/").map(decodeURIComponent);
      if (path[0] === "live") return live(path[1] ?? "", url, req, res);
      if (mode === "broken" && path[0] !== "session")
        throw new Problem(500, "The warehouse did not answer in time.");
      const out = route(req.method ?? "GET", path, url.searchParams, body);
      res.statusCode = out === undefined ? 204 : 200;
      res.setHeader("Content-Type", "application/json");
      setTimeout(
        () => res.end(out === undefined ? "" : JSON.stringify(out)),
        path[0] === "session" ? 10 : Number(process.env.MOCK_DELAY ?? 60),
      );
    } catch (e) {
      const p = e instanceof Problem ? e : new Problem(500, String(e));
      res.statusCode = p.status;
      res.setHeader("Content-Type", "application/problem+json");
      res.end(
        JSON.stringify({
          type: "about:blank",
          title: "Problem",
          status: p.status,
          detail: p.message,
          hint: p.hint,
          error_id: "req_5f6a7b8c9d0e",
        }),
      );
    }
  })();
};

async function readBody(req: IncomingMessage): Promise<any> {
  let text = "";
  for await (const chunk of req) text += chunk;
  return text ? JSON.parse(text) : {};
}

function session() {
  return {
    user:
      signedIn && mode !== "" && mode !== "empty" && mode !== "broken"
        ? { id: "usr_1", email: "ana@example.com", role: "admin" }
        : null,
    dev: mode === "" || empty || mode === "broken" || mode === "stuck",
    setup_required: mode === "setup" && !signedIn,
    organisation,
    permissions: signedIn ? permissions : [],
    closed: [],
    rows: null,
    version: "0.1.0-mock",
  };
}

function stats() {
  const t = (Date.now() - started) / 1000;
  const rate = empty
    ? 0
    : Math.max(0, 1180 + 260 * Math.sin(t / 7) + 120 * Math.sin(t * 1.7) + Math.random() * 90);
  processed += empty ? 0 : Math.round(rate);
  const n = empty ? 0 : processed;
  return {
    accepted: n,
    processed: n,
    in_warehouse: Math.max(0, n - 900),
    quarantined: empty ? 0 : 1068,
    duplicates: empty ? 0 : 3204,
    set_aside: empty ? 0 : 2,
    erased: empty ? 0 : 7,
    lag_seconds: {
      pipeline: empty ? 0 : 0.042,
      warehouse: mode === "stuck" ? 1260 + t : empty ? 0 : 0.84,
    },
    stuck:
      mode === "stuck"
        ? [
            {
              part: "warehouse",
              partition: 0,
              since: new Date(started - 1_260_000).toISOString(),
              attempts: 84,
              error:
                "the warehouse cannot be written: duckdb: IO Error: Could not write to file /var/lib/touchstone/warehouse.duckdb.wal: No space left on device",
              hint: "look at the disk, at the warehouse and at the server's log",
            },
            {
              part: "pipeline",
              partition: 0,
              since: new Date(started - 90_000).toISOString(),
              attempts: 0,
              error: "nothing has moved for a minute, without an error",
              hint: "look at the disk, at the database and at the server's log",
            },
          ]
        : [],
    persons: empty ? 0 : 20_412,
    known_persons: empty ? 0 : 12_655,
    segments: empty ? 0 : world.segments.length,
    throughput: {
      accepted_per_second: rate,
      processed_per_second: rate,
      history: Array.from({ length: 180 }, (_, i) =>
        empty ? 0 : 1180 + 260 * Math.sin((t - 180 + i) / 7) + 120 * Math.sin((t - 180 + i) * 1.7),
      ),
    },
    process: { cpu_seconds: 312, rss_bytes: 402_653_184, goroutines: 61, uptime_seconds: 86_400 * 3 + t },
    storage: {
      log_bytes: 1_840_000_000,
      store_bytes: 212_000_000,
      warehouse_bytes: 934_000_000,
      disk_free_bytes: 61_000_000_000,
    },
    time: new Date().toISOString(),
  };
}

function live(kind: string, url: URL, req: IncomingMessage, res: ServerResponse): void {
  res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  const send = (x: unknown) => res.write(`data: ${JSON.stringify(x)}\n\n`);
  const wanted = (e: ReturnType<typeof world.liveEvent>) => {
    const q = url.searchParams.get("q");
    const source = url.searchParams.get("source");
    return (!q || JSON.stringify(e).includes(q)) && (!source || e.source === source);
  };
  const change = (at: number) => {
    const m = world.pick(world.people);
    const merged = world.random() < 0.2;
    return {
      kind: merged ? "persons_merged" : world.pick(["segment_entered", "segment_left"]),
      time: new Date(at).toISOString(),
      person: m.person.id,
      name: m.person.name,
      other: merged ? "p_2ab" : null,
      segment: merged ? null : { id: world.segments[0]!.id, name: world.pick(world.segments).name },
      message_id: merged || world.random() < 0.8 ? `msg-${Math.floor(world.random() * 1e6)}` : null,
      backfill: false,
    };
  };
  if (kind === "stats") send(stats());
  if (!empty && kind === "events")
    for (let i = 50; i > 0; i--) {
      const e = world.liveEvent(Date.now() - i * 700);
      if (wanted(e)) send(e);
    }
  if (!empty && kind === "changes") for (let i = 20; i > 0; i--) send(change(Date.now() - i * 9000));
  res.write(": hello\n\n");
  const timer = setInterval(
    () => {
      if (kind === "stats") send(stats());
      else if (empty) return;
      else if (kind === "events") {
        const e = world.liveEvent();
        if (wanted(e)) send(e);
      } else send(change(Date.now()));
    },
    kind === "stats" ? 1000 : kind === "events" ? 700 : 4000,
  );
  req.on("close", () => clearInterval(timer));
}

/** Parts with a file of their own. */
const parts: Record<string, (asked: Asked) => unknown> = {
  plans: answerPlans,
  mail: answerMail,
  webhooks: answerWebhooks,
  linkage: answerLinkage,
  households: answerHouseholds,
  identity: answerIdentity,
  consent: answerConsent,
  privacy: answerPrivacy,
  holds: answerHolds,
  retention: answerRetention,
  mends: answerMends,
  jobs: answerJobs,
  schedules: answerSchedules,
  calendar: answerCalendar,
  roles: answerRoles,
  quality: answerQuality,
  stages: answerStages,
  audience: answerAudience,
  templates: answerTemplates,
  tags: answerTags,
  taxonomies: answerTaxonomies,
};

export function route(method: string, path: string[], q: URLSearchParams, body: any): unknown {
  const [a, b, c, d] = path;
  const at = `${method} ${a}`;
  switch (at) {
    case "GET session":
      return session();
    case "POST session":
      if (body.password !== "touchstone") throw new Problem(401, "E-mail or password is wrong.");
      signedIn = true;
      return session();
    case "POST setup":
      signedIn = true;
      return session();
    case "DELETE session":
      signedIn = false;
      return undefined;
    case "GET settings":
      return { organisation };
    case "PATCH settings":
      Object.assign(organisation, body.organisation);
      return { organisation };
    case "GET processes":
      return {
        processes: [
          { host: "alpha", address: "10.0.0.7:8484", roles: ["sink"], leases: ["sink"] },
          {
            host: "beta",
            address: "10.0.0.8:8484",
            roles: ["collect", "process", "act", "console"],
            leases: ["inbox", "pipeline"],
          },
          {
            host: "gamma",
            address: "10.0.0.9:8484",
            roles: ["collect", "process", "act", "console"],
            leases: [],
            state: "silent",
          },
        ].map((p) => ({
          id: p.host,
          pid: 7,
          version: "1.0",
          started_at: new Date(Date.now() - 3_600_000).toISOString(),
          state: "running",
          seconds_ago: 1,
          stuck: [],
          ...p,
        })),
      };
    case "GET api-keys":
      return page(keys, q);
    case "POST api-keys": {
      const made = {
        id: world.id("key"),
        name: body.name,
        prefix: "tsk_9q2w",
        scopes: body.scopes,
        created_at: ago(0),
        last_used_at: null,
      };
      keys.unshift(made);
      return { ...made, key: `tsk_9q2w${"abcdefgh234567".repeat(3).slice(0, 36)}` };
    }
    case "DELETE api-keys":
      keys.splice(keys.indexOf(find(keys, b)), 1);
      return undefined;
    case "GET users":
      return page(users, q);
    case "POST users":
      users.push({
        id: world.id("usr"),
        email: body.email,
        role: body.role,
        created_at: ago(0),
        last_seen_at: null as unknown as string,
      });
      return users.at(-1);
    case "PATCH users":
      return Object.assign(find(users, b), body.role ? { role: body.role } : {});
    case "DELETE users":
      users.splice(users.indexOf(find(users, b)), 1);
      return undefined;
    case "GET audit":
      if (b === "facets")
        return {
          actors: [
            { kind: "user", id: "usr_1", name: "ana@example.com" },
            { kind: "user", id: "usr_2", name: "bo.lin@example.com" },
            { kind: "dev", id: "", name: "" },
          ],
          actions: [...new Set(world.audit.map((e) => e.action))],
        };
      return page(
        world.audit.filter((e) => {
          const action = q.get("action") ?? "";
          return (
            (!action ||
              (action.endsWith(".*") ? e.action.startsWith(action.slice(0, -1)) : e.action === action)) &&
            (!q.get("actor") || e.actor.id === q.get("actor")) &&
            (!q.get("target") || e.target === q.get("target")) &&
            (!q.get("from") || e.time >= (q.get("from") as string)) &&
            (!q.get("q") ||
              JSON.stringify(e)
                .toLowerCase()
                .includes((q.get("q") as string).toLowerCase()))
          );
        }),
        q,
      );
    case "GET stats":
      return stats();
    case "GET uploads":
    case "GET mappings":
      return page([], q);
    case "GET imports":
      return page(
        [
          importRow("online_retail.csv.gz", 7_548_686, 541_909, 541_909, 0, 0, true),
          importRow("crm-2025-四季度.ndjson", 88_120_400, 120_331, 119_428, 903, 0, true),
          importRow("dealer_visits_january.parquet", 12_004_118, 44_000, 44_000, 0, 12, false),
        ],
        q,
      );
  }
  const part = parts[a ?? ""];
  if (part) return part({ method, path: path.slice(1), q, body });
  if (a === "sources") return sources(method, b, c, q, body);
  if (a === "reactors") return reactors(b, d, q, body);
  if (a === "quarantine") return quarantine(method, b, c, q, body);
  if (a === "catalogue") return catalogue(b, c, q);
  if (a === "persons") return persons(method, b, d === "preview" ? `${c}/preview` : c, q, body);
  if (a === "activations") return { items: [], next_cursor: "" };
  if (a === "segments") return segments(method, b, c, q, body);
  if (a === "query") return query(b, body);
  throw new Problem(404, `There is no ${path.join("/")}.`);
}

function importRow(
  file: string,
  size: number,
  next: number,
  accepted: number,
  rejected: number,
  duplicates: number,
  done: boolean,
) {
  return {
    id: `imp_${file.slice(0, 6)}`,
    file,
    fingerprint: "9f86d081884c7d65",
    size,
    source: world.sources[6],
    mapping: {
      format: "csv",
      type: "track",
      event: "Product Purchased",
      identifiers: { user_id: "CustomerID" },
    },
    status: done ? "finished" : "running",
    next_row: next,
    accepted,
    rejected,
    duplicates,
    reasons:
      rejected > 0
        ? [{ reason: 'wrong_type: price: "n/a" is no number', rows: rejected, first_row: 412 }]
        : [],
    created_at: ago(done ? 9 : 0.02),
    finished_at: done ? ago(8.99) : null,
    run: null,
  };
}

function sources(
  method: string,
  id: string | undefined,
  verb: string | undefined,
  q: URLSearchParams,
  body: any,
): unknown {
  if (!id && method === "GET") return page(world.sources, q);
  if (id === "names")
    return page(
      world.sources.map(({ id, name, kind }) => ({ id, name, kind })),
      q,
    );
  if (!id) {
    const s: Source = {
      ...world.sources[0]!,
      id: world.id("src"),
      write_key: `wk_${world.id("", 32).slice(1)}`,
      name: body.name,
      kind: body.kind,
      rate_limit: body.rate_limit ?? 0,
      created_at: ago(0),
      last_event_at: null,
      accepted: 0,
      quarantined: 0,
      enabled: true,
    };
    world.sources.unshift(s);
    return s;
  }
  const s = find(world.sources, id);
  if (verb === "rotate")
    Object.assign(s, { write_key: `wk_${world.id("", 32).slice(1)}`, previous_key_until: ago(-1) });
  if (method === "PATCH") Object.assign(s, body);
  if (method === "DELETE") return void world.sources.splice(world.sources.indexOf(s), 1);
  return s;
}

function reactors(
  name: string | undefined,
  verb: string | undefined,
  q: URLSearchParams,
  body: any,
): unknown {
  if (!name) return page(empty ? [] : world.reactors, q);
  const letters = world.reactorLetters[name] ?? [];
  if (!verb) return page(letters, q);
  const named = letters.filter((l) => body.all || body.ids.includes(l.id));
  if (verb === "replay") for (const l of named) l.waiting = true;
  else world.reactorLetters[name] = letters.filter((l) => !named.includes(l));
  const reactor = world.reactors.find((r) => r.name === name);
  if (reactor) reactor.dead_letters = world.reactorLetters[name]?.length ?? 0;
  return { changed: named.length };
}

function quarantine(
  method: string,
  b: string | undefined,
  c: string | undefined,
  q: URLSearchParams,
  body: any,
): unknown {
  if (b === "summary") {
    const counts = new Map<
      string,
      { code: string; reason: string; source: string; count: number; last_at: string }
    >();
    for (const e of empty ? [] : world.quarantine) {
      const k = `${e.code} ${e.source}`;
      const x = counts.get(k);
      if (x) x.count++;
      else
        counts.set(k, { code: e.code, reason: e.reason, source: e.source, count: 1, last_at: e.received_at });
    }
    return [...counts.values()];
  }
  const drop = (ids: string[]) => {
    for (const id of ids)
      world.quarantine.splice(
        world.quarantine.findIndex((e) => e.id === id),
        1,
      );
    return ids.length;
  };
  if (b === "replay") {
    const ids =
      body.ids ??
      world.quarantine
        .filter((e) => e.code === body.code && (!body.source || e.source === body.source))
        .map((e) => e.id);
    return { replayed: drop(ids.slice(0, -1)), rejected: 1 };
  }
  if (b === "discard") return { discarded: drop(body.ids) };
  if (c === "replay") return { replayed: drop([b as string]), rejected: 0 };
  if (method === "DELETE") return void drop([b as string]);
  const has = (e: unknown, text: string | null) => !text || JSON.stringify(e).includes(text);
  return page(
    world.quarantine.filter(
      (e) =>
        has(e, q.get("q")) &&
        (!q.get("source") || e.source === q.get("source")) &&
        (!q.get("code") || e.code === q.get("code")),
    ),
    q,
  );
}

function catalogue(b: string | undefined, c: string | undefined, q: URLSearchParams): unknown {
  if (b === "uses") return empty ? { uses: [], hidden: 0, truncated: false } : uses;
  if (b === "events" && !c) return { items: empty ? [] : world.catalogue, next_cursor: "" };
  if (b === "events") {
    return {
      items: Object.entries(world.exampleProperties(c as string)).map(([property, v], i) => ({
        property,
        types: { [Array.isArray(v) ? "array" : typeof v]: 900, ...(i === 2 ? { string: 40 } : {}) },
        fill_rate: [1, 0.98, 0.71, 0.04][i % 4],
        different: [3, 1960, 214, 2][i % 4],
        ever: [
          null,
          { values: 812_344, error: 0.01625 },
          { values: 214, error: 0.01625 },
          { values: 2, error: 0.01625 },
        ][i % 4],
        values: [2000, 1960, 1420, 80][i % 4],
        unit: typeof v === "number" ? "CNY" : "",
        examples: Array.from({ length: 3 }, () => world.exampleProperties(c as string)[property]),
      })),
      next_cursor: "",
    };
  }
  if (b === "entries") return { items: [], next_cursor: "" };
  if (b === "traits") {
    return {
      items: empty
        ? []
        : Object.entries(world.people.find((p) => p.person.known)?.person.traits ?? {}).map(
            ([trait, v], i) => ({
              trait,
              type: typeof v,
              fill_rate: 0.96 / (1 + i * 0.3),
              examples: world.people
                .filter((p) => trait in p.person.traits)
                .slice(0, 3)
                .map((p) => p.person.traits[trait]),
            }),
          ),
      next_cursor: "",
    };
  }
  const key = q.get("trait") ?? q.get("property") ?? "";
  const values = q.get("trait")
    ? world.people.map((p) => p.person.traits[key])
    : world.people.flatMap((p) => p.events.map((e) => e.properties?.[key]));
  return {
    values: [...new Set(values.filter((v) => v !== undefined && typeof v !== "object"))].slice(0, 40),
  };
}

function persons(
  method: string,
  ref: string | undefined,
  verb: string | undefined,
  q: URLSearchParams,
  body: any,
): unknown {
  if (!ref) {
    const text = (q.get("q") ?? "").toLowerCase();
    return page(
      world.people
        .map((p) => p.summary)
        .filter(
          (p) =>
            (!q.get("known") || p.known === (q.get("known") === "true")) &&
            (!q.get("kind") || p.identifiers.some((i) => i.kind === q.get("kind"))) &&
            (!q.get("channel") || p.channels.includes(q.get("channel") as string)) &&
            (!q.get("seen_after") || p.last_seen >= (q.get("seen_after") as string)) &&
            (!q.get("segment") ||
              world.people
                .find((x) => x.summary.id === p.id)
                ?.person.segments.some((s) => s.id === q.get("segment"))),
        )
        .filter(
          (p) =>
            !text ||
            [p.id, p.name ?? "", ...p.identifiers.map((i) => i.value)].some((s) =>
              s.toLowerCase().startsWith(text),
            ),
        ),
      q,
    );
  }
  const m = world.people.find(
    (p) =>
      p.person.id === ref ||
      p.person.aliases.includes(ref) ||
      p.person.identifiers.some((i) => `${i.kind}:${i.value}` === ref),
  );
  if (!m) throw new Problem(404, `There is no person ${ref}.`, "Search by any identifier under People.");
  if (verb === "events")
    return page(
      m.events.filter((e) => !q.get("event") || e.event === q.get("event")),
      q,
    );
  if (verb === "consents") return consentsOf(m.person.id, m.person.segments);
  if (verb === "households") return householdsOf(m.person.id);
  if (verb === "tags") return tagsOf(m.person.id);
  if (verb === "identity") {
    const g = world.identityOf(m);
    const [from, to] = [q.get("from"), q.get("to")];
    return from && to ? { ...g, path: world.pathBetween(g, from, to) } : g;
  }
  return verb ? answerCommands(m, method, verb, q, body) : m.person;
}

function segments(
  method: string,
  id: string | undefined,
  verb: string | undefined,
  q: URLSearchParams,
  body: any,
): unknown {
  if (id === "preview") {
    const text = JSON.stringify(body.rule);
    const leaves = leafPaths(body.rule).map((path, i) => ({ path, members: 9000 - i * 1700 }));
    return {
      members: 3000 + ((text.length * 37) % 4000),
      of: 20_412,
      sample: world.people.slice(3, 13).map((p) => p.summary),
      leaves,
      warnings: /"上海".*"北京"/.test(text)
        ? [{ code: "contradiction", paths: leaves.slice(0, 2).map((l) => l.path) }]
        : [],
      elapsed_ms: 18.2,
    };
  }
  if (id === "reading")
    return {
      rule: body.rule ?? world.segments[0]?.rule,
      text: body.text ?? 'did "Model Viewed" at least 2 times in the last 30 days',
      words: {
        en: "did Model Viewed at least 2 times in the last 30 days",
        zh: "近 30 天至少做过 2 次“Model Viewed”",
      },
      warnings: [],
    };
  if (id === "movements")
    return page(
      world.segments.slice(0, 4).map((s, i) => ({
        id: s.id,
        name: s.name,
        members: s.members,
        entered: [212, 8, 1430, 0][i]!,
        left: [64, 41, 90, 318][i]!,
      })),
      q,
    );
  if (!id && method === "GET") return page(world.segments, q);
  if (!id) {
    const s: Segment = {
      id: world.id("seg"),
      name: body.name,
      description: body.description ?? "",
      ...world.nowhere,
      rule: body.rule ?? null,
      kind: body.rule ? "rule" : "static",
      status: "live",
      progress: 1,
      members: body.persons?.length ?? 1204,
      created_at: ago(0),
      updated_at: ago(0),
    };
    world.segments.unshift(s);
    return s;
  }
  const s = find(world.segments, id);
  if (verb === "members")
    return page(
      world.people.slice(0, 120).map((p, i) => ({ ...p.summary, entered_at: ago(i * 0.2) })),
      q,
    );
  if (verb === "changes")
    return page(
      world.people.slice(0, 80).map((p, i) => ({
        person: p.person.id,
        name: p.person.name,
        kind: i % 3 ? "entered" : "left",
        time: ago(i * 0.1),
      })),
      q,
    );
  if (verb === "versions") return { items: versionsOf(s), next_cursor: "" };
  if (verb === "compare") return differences;
  if (verb === "trend") return trendOf(s.members, q.get("interval") === "hour", Number(q.get("points")));
  if (verb === "flow") return flowOf();
  if (verb === "origin") return originOf(s.kind);
  if (verb === "consent") return heldBack(s.members, q.get("purpose") || undefined);
  if (verb === "history")
    return Array.from({ length: 30 }, (_, i) => ({
      date: ago(29 - i).slice(0, 10),
      members: Math.round(s.members * (0.6 + i / 72)),
      entered: 40 + ((i * 13) % 30),
      left: 12 + ((i * 7) % 20),
    }));
  if (method === "PATCH") Object.assign(s, body, { updated_at: ago(0) });
  if (method === "DELETE") return void world.segments.splice(world.segments.indexOf(s), 1);
  return s;
}

function leafPaths(rule: any, at = ""): string[] {
  for (const k of ["and", "or"])
    if (Array.isArray(rule?.[k]))
      return rule[k].flatMap((r: unknown, i: number) => leafPaths(r, `${at ? `${at}.` : ""}${k}.${i}`));
  if (rule?.not) return leafPaths(rule.not, `${at ? `${at}.` : ""}not`);
  return [at];
}

function query(b: string | undefined, body: any): unknown {
  if (b === "people") {
    const p = page(
      world.people.map((x) => x.summary),
      new URLSearchParams({ limit: String(body.limit ?? 50), cursor: String(body.cursor ?? 0) }),
    );
    return { total: empty ? 0 : world.people.length, ...p };
  }
  if (b === "segment")
    return segments("POST", undefined, undefined, new URLSearchParams(), {
      name: body.name,
      persons: Array.from({ length: 160 }),
    });
  const r = answer(body);
  return empty ? { ...r, rows: [] } : r;
}
