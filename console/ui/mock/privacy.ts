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
export function answerPrivacy({ path, q }: Asked): unknown {
  const [part, id] = path;
  const issued = requests.filter((r) => r.receipt);
  switch (part) {
    case "requests":
      return id ? find(requests, id) : page(requests, q);
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
