import type { Source } from "@/api/types";

export type SourceStatus = "disabled" | "never" | "receiving" | "quiet";

/** A source that sent something within five minutes is receiving. */
export function sourceStatus(s: Pick<Source, "enabled" | "last_event_at">, now = Date.now()): SourceStatus {
  if (!s.enabled) return "disabled";
  if (!s.last_event_at) return "never";
  return now - Date.parse(s.last_event_at) < 5 * 60_000 ? "receiving" : "quiet";
}
