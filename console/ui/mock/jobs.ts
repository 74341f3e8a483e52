import type { components } from "../src/api/schema";
import { rerunResult } from "./identity.ts";
import { type Asked, ago, find, newId, Problem, page, remove } from "./server.ts";
import { segments } from "./world.ts";

type S = components["schemas"];
const minutes = (n: number) => ago(n / 1440);
const ana = { kind: "user", id: "usr_1", name: "ana@example.com" } as const;
const clock = { kind: "schedule", id: "sch_1", name: "每日凌晨全量备份" };

function job(kind: string, status: S["Job"]["status"], more: Partial<S["Job"]> = {}): S["Job"] {
  const ended = status === "done" || status === "failed" || status === "cancelled";
  return {
    id: newId("job"),
    kind,
    heavy: kind !== "quarantine.replay",
    subject: "",
    title: "",
    input: {},
    asker: ana as S["Asker"],
    schedule: "",
    due_at: null,
    late: false,
    status,
    cancelling: false,
    owner: status === "queued" ? "" : "alpha-7",
    not_before: null,
    attempts: status === "queued" ? 0 : 1,
    done: ended ? 20_412 : 0,
    total: 20_412,
    eta_seconds: null,
    note: null,
    result: null,
    file: null,
    failure: null,
    retryable: status === "failed" || status === "cancelled",
    created_at: minutes(30),
    started_at: status === "queued" ? null : minutes(29),
    moved_at: status === "queued" ? null : minutes(28),
    ended_at: ended ? minutes(27) : null,
    ...more,
  } as S["Job"];
}
const about = (i: number) => ({ subject: segments[i]?.id ?? "", title: segments[i]?.name ?? "" });

const jobs: S["Job"][] = [
  job("segment.export", "running", {
    ...about(0),
    done: 12_310,
    eta_seconds: 41,
    created_at: minutes(1),
    started_at: minutes(0.8),
  }),
  job("quarantine.replay", "queued", { input: { code: "unknown_type" }, total: 0, created_at: minutes(0.5) }),
  job("backup", "running", {
    done: 1_240_000_000,
    total: 2_986_000_000,
    eta_seconds: 132,
    note: { template: "Copying the warehouse" },
    asker: clock as unknown as S["Asker"],
    schedule: "sch_1",
    due_at: minutes(3),
    late: true,
    created_at: minutes(3),
    started_at: minutes(3),
  }),
  job("segment.export", "done", {
    ...about(1),
    file: { name: "segment-春季试驾意向.csv", bytes: 4_812_330 } as S["Job"]["file"],
    result: { rows: 20_412 },
    created_at: ago(0.3),
    started_at: ago(0.3),
    ended_at: ago(0.299),
  }),
  job("backup", "failed", {
    failure: {
      detail: "The disk has 1.2 GB free, and 2 GB must stay free for events.",
      hint: "Make room on the disk.",
      detail_text: {
        template: "The disk has {0} free, and {1} must stay free for events.",
        params: ["1.2 GB", "2 GB"],
      },
      hint_text: { template: "Make room on the disk." },
    } as S["Job"]["failure"],
    done: 1_310_000_000,
    total: 2_986_000_000,
    created_at: ago(1),
    started_at: ago(1),
    ended_at: ago(0.998),
  }),
  job("quarantine.replay", "cancelled", {
    input: { code: "wrong_type", source: "src_1" },
    done: 310,
    total: 1_068,
    created_at: ago(2),
    started_at: ago(2),
    ended_at: ago(1.99),
  }),
  ...Array.from({ length: 40 }, (_, i) =>
    job("backup", "done", {
      asker: clock as unknown as S["Asker"],
      schedule: "sch_1",
      due_at: ago(i + 1.4),
      created_at: ago(i + 1.4),
      started_at: ago(i + 1.4),
      ended_at: ago(i + 1.38),
      total: 2_900_000_000 - i * 40_000_000,
      done: 2_900_000_000 - i * 40_000_000,
    }),
  ),
];

/** What runs goes on with each look. */
function move(): void {
  for (const j of jobs) {
    if (j.status !== "running") continue;
    j.done = Math.min(j.total, j.done + Math.ceil(j.total / (j.kind === "identity.rerun" ? 4 : 400)));
    j.eta_seconds = Math.max(0, Math.round(((j.total - j.done) / j.total) * 200));
    if (j.kind === "identity.rerun" && j.done >= j.total) {
      const input = j.input as { rules?: object; commit?: boolean };
      Object.assign(j, { status: "done", ended_at: ago(0), eta_seconds: null, result: rerunResult(input) });
    }
  }
}

const kinds: S["JobKind"][] = [
  { name: "segment.export", heavy: true, start: "people:export" },
  { name: "quarantine.replay", heavy: false, start: "quarantine:write" },
  { name: "backup", heavy: true, start: "settings:write" },
  { name: "identity.rerun", heavy: true, start: "identity:write" },
];

export function answerJobs({ method, path, q, body }: Asked): unknown {
  const [id, verb] = path;
  if (id === "kinds") return kinds;
  if (!id && method === "POST") {
    const runs = body.kind === "identity.rerun"; // the others wait until the end of days
    const made = job(body.kind, runs ? "running" : "queued", {
      input: body.input ?? {},
      created_at: ago(0),
      done: 0,
      ...(runs ? { note: { template: "Looking through all identifiers" } } : {}),
    });
    jobs.unshift(made);
    return made;
  }
  move();
  if (!id) {
    const wanted = q.get("status")?.split(",");
    const kind = q.get("kind");
    return page(
      jobs.filter((j) => (!wanted || wanted.includes(j.status)) && (!kind || j.kind === kind)),
      q,
    );
  }
  if (method === "DELETE") return remove(jobs, id);
  const j = find(jobs, id);
  if (verb === "cancel") Object.assign(j, { status: "cancelled", ended_at: ago(0), retryable: true });
  if (verb === "retry")
    Object.assign(j, { status: "queued", ended_at: null, retryable: false, failure: null });
  return j;
}

function schedule(name: string, cron: string, more: Partial<S["Schedule"]> = {}): S["Schedule"] {
  return {
    id: newId("sch"),
    name,
    cron,
    days: "all",
    kind: "backup",
    input: {},
    subject: "",
    title: "",
    asker: ana as S["Asker"],
    paused: false,
    next_at: ago(-0.4),
    last: { job: jobs[6]?.id ?? "", status: "done", due_at: ago(0.6), late: false } as S["ScheduleRun"],
    skipped: 0,
    created_at: ago(60),
    updated_at: ago(9),
    ...more,
  };
}
const schedules: S["Schedule"][] = [
  schedule("每日凌晨全量备份", "30 2 * * *", {
    last: { job: jobs[2]?.id ?? "", status: "running", due_at: minutes(3), late: true } as S["ScheduleRun"],
  }),
  schedule("Buyers for the dealers, on working days", "0 9 * * mon-fri", {
    kind: "segment.export",
    days: "working",
    ...about(0),
    last: { job: jobs[4]?.id ?? "", status: "failed", due_at: ago(1), late: false } as S["ScheduleRun"],
    skipped: 2,
  }),
  schedule("Replay what the old app sent", "@weekly", {
    kind: "quarantine.replay",
    paused: true,
    next_at: null,
    last: null,
    input: { code: "wrong_type" },
  }),
];

export function answerSchedules({ method, path, q, body }: Asked): unknown {
  const [id, verb] = path;
  if (id === "preview") {
    if ((q.get("cron") ?? "").trim().split(/\s+/).length !== 5 && !q.get("cron")?.startsWith("@"))
      throw new Problem(400, "The time is not understood: five fields are expected.");
    return { times: Array.from({ length: Number(q.get("count") ?? 5) }, (_, i) => ago(-i - 0.4)) };
  }
  if (!id && method === "GET") return page(schedules, q);
  if (!id) {
    const made = schedule(body.name, body.cron, { ...body, last: null, created_at: ago(0) });
    schedules.push(made);
    return made;
  }
  if (method === "DELETE") return remove(schedules, id);
  const s = find(schedules, id);
  if (verb === "run") return job(s.kind, "queued", { schedule: s.id });
  if (method === "PATCH") Object.assign(s, body);
  return s;
}

const year = new Date().getFullYear();
const holiday = (month: number, day: number, name: string, working = false): S["CalendarDay"] => ({
  day: `${year}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`,
  working,
  name,
});
const calendar: S["Calendar"] = {
  calendar: "auto",
  used: "cn",
  time_zone: "Asia/Shanghai",
  years: [year - 1, year],
  public: [
    holiday(1, 1, "元旦"),
    ...[15, 16, 17, 18, 19, 20, 21, 22, 23].map((d) => holiday(2, d, "春节")),
    holiday(2, 14, "春节", true),
    holiday(2, 28, "春节", true),
    ...[1, 2, 3, 4, 5, 6, 7].map((d) => holiday(10, d, "国庆节")),
  ],
  own: [holiday(12, 24, "工厂年检"), holiday(12, 26, "年检补班", true)],
};

export function answerCalendar({ method, body }: Asked): unknown {
  if (method === "PUT") Object.assign(calendar, body);
  return calendar;
}
