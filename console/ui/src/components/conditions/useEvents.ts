import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { catalogueAllEventsQuery, catalogueEventsQuery } from "@/api/queries";
import type { CatalogueEvent } from "@/api/types";

/**
 * The events to choose from: those of the last 30 days with their volumes, and after them those that only happened
 * earlier. `since` and `until` are the first and the last moment with data.
 */
export function useEvents(): {
  items: CatalogueEvent[];
  pending: boolean;
  /** Neither answer could be had. */
  error: unknown;
  retry: () => void;
  since: string | undefined;
  until: string | undefined;
} {
  const recent = useQuery(catalogueEventsQuery);
  const all = useQuery(catalogueAllEventsQuery);
  const answer = useMemo(() => {
    const now = recent.data?.items ?? [];
    const ever = all.data?.items ?? [];
    const seen = new Set(now.map((e) => e.event));
    const byVolume = (list: readonly CatalogueEvent[]) => [...list].sort((a, b) => b.count - a.count);
    const known = ever.length > 0 ? ever : now;
    return {
      items: [...byVolume(now), ...byVolume(ever.filter((e) => !seen.has(e.event)))],
      pending: recent.isPending || (now.length === 0 && all.isPending),
      since: known.map((e) => e.first_seen).sort()[0],
      until: known
        .map((e) => e.last_seen)
        .sort()
        .at(-1),
    };
  }, [recent.data, recent.isPending, all.data, all.isPending]);
  const error = answer.items.length === 0 ? (recent.error ?? all.error) : null;
  const retry = () => {
    void recent.refetch();
    void all.refetch();
  };
  return { ...answer, error, retry };
}
