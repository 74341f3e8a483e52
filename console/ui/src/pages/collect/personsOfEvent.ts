import type { TrendQuery } from "@/api/types";
import type { Behind } from "@/lib/behind";

const day = 86_400_000;

/** The question "who did this", in the last 30 days or since a moment, as the catalogue counts it. */
export function personsOfEvent(
  event: string,
  title: string,
  tz: string,
  since?: string,
  now = Date.now(),
): Behind {
  const from = since ?? new Date(now - 30 * day).toISOString();
  const query: TrendQuery = {
    kind: "trend",
    from,
    to: new Date(now).toISOString(),
    tz,
    interval: "total",
    series: [{ event, measure: "persons" }],
  };
  return { title, query, select: { bucket: from, series: 0 } };
}
