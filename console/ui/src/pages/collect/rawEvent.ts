import type { LiveEvent } from "@/api/types";
import { identifiersOf } from "@/lib/identifiers";
import { parseJson } from "@/lib/json";

/** The name in an event that a check refused, however broken the event is. */
export function eventNameOf(raw: unknown): string | null {
  if (typeof raw === "string") {
    const name = /"event"\s*:\s*"([^"\\]{1,100})"/.exec(raw) ?? /"type"\s*:\s*"([a-z]{1,20})"/.exec(raw);
    return name?.[1] ?? null;
  }
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) return null;
  const e = raw as Record<string, unknown>;
  for (const key of ["event", "name", "type"]) {
    const v = e[key];
    if (typeof v === "string" && v.trim() !== "") return v;
  }
  return null;
}

/** Reads an edited event: it must be one JSON object. */
export function parseEvent(text: string): { event: Record<string, unknown> } | { error: string } {
  try {
    const event: unknown = parseJson(text);
    if (typeof event !== "object" || event === null || Array.isArray(event)) return { error: "{ … }" };
    return { event: event as Record<string, unknown> };
  } catch (e) {
    return { error: e instanceof Error ? e.message : String(e) };
  }
}

/** What a live event is called: a refused one whose text is no JSON has its name in what was sent only. */
export const liveName = (e: Pick<LiveEvent, "event" | "rejected" | "raw">): string =>
  e.event || (e.rejected && eventNameOf(e.raw)) || "";

/** Who a live event says that it is of, the strongest first; of a text that is no JSON what stands in it as userId and anonymousId. */
export function liveIdentifiers(e: Pick<LiveEvent, "identifiers" | "user_id" | "anonymous_id" | "raw">) {
  const known = identifiersOf(e);
  const { raw } = e;
  if (known.length > 0 || typeof raw !== "string") return known;
  return (["user_id", "anonymous_id"] as const).flatMap((kind) => {
    const name = kind === "user_id" ? "userId" : "anonymousId";
    const value = new RegExp(`"${name}"\\s*:\\s*"([^"\\\\]{1,256})"`).exec(raw)?.[1];
    return value ? [{ kind, value }] : [];
  });
}
