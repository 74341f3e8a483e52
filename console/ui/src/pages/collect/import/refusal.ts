/** Why a link is not made, taken apart for words: the server says "limit of 1 user_id", "parted by an operator". */
export interface Refusal {
  why: "limit" | "window" | "size" | "parted" | "other";
  limit: number;
  kind: string;
  days: number;
}

export function refusalOf(reason: string): Refusal {
  const none = { limit: 0, kind: "", days: 0 };
  if (reason.startsWith("parted")) return { ...none, why: "parted" };
  const m = /^limit of (\d+) (\w+)(?: in (\d+) days)?$/.exec(reason);
  if (!m) return { ...none, why: "other" };
  const [, limit = "0", kind = "", days] = m;
  if (days !== undefined) return { why: "window", limit: Number(limit), kind, days: Number(days) };
  return { why: kind === "identifiers" ? "size" : "limit", limit: Number(limit), kind, days: 0 };
}
