import { compact, flag, oneOf, str } from "@/lib/search";

export const privacyTabs = ["requests", "receipts"] as const;
export const requestStates = ["waiting", "running", "held", "done", "nobody", "failed", "cancelled"] as const;
export const requestKinds = ["erasure", "access"] as const;
export const requestReasons = [
  "request",
  "consent_withdrawn",
  "purpose_ended",
  "unlawful",
  "legal_duty",
  "other",
] as const;

export const requestsSearch = (
  raw: Record<string, unknown>,
): {
  tab?: (typeof privacyTabs)[number];
  kind?: (typeof requestKinds)[number];
  state?: (typeof requestStates)[number];
  bulk?: string;
  reason?: (typeof requestReasons)[number];
  late?: true;
  q?: string;
  open?: string;
  receipt?: string;
  ask?: true;
} =>
  compact({
    tab: oneOf(raw, "tab", privacyTabs),
    kind: oneOf(raw, "kind", requestKinds),
    state: oneOf(raw, "state", requestStates),
    bulk: str(raw, "bulk"),
    reason: oneOf(raw, "reason", requestReasons),
    late: flag(raw, "late"),
    q: str(raw, "q"),
    open: str(raw, "open"),
    receipt: str(raw, "receipt"),
    ask: flag(raw, "ask"),
  });

/** A person a line, several identifiers of one divided by commas; empty lines are left out, the same one counts once. */
export function peopleOf(text: string): string[][] {
  const seen = new Set<string>();
  const people: string[][] = [];
  for (const line of text.split(/\r?\n/)) {
    const ids = line
      .split(/[,;\t]/)
      .map((s) => s.trim())
      .filter((s) => s !== "");
    const key = [...ids].sort().join("\n");
    if (ids.length === 0 || seen.has(key)) continue;
    seen.add(key);
    people.push(ids);
  }
  return people;
}
