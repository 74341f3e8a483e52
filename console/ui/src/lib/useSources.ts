import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { sourceNamesQuery } from "@/api/queries";
import type { SourceName } from "@/api/types";
import { useMay } from "@/app/session";

/** Sources by id, for naming them where data carries only the id: whoever sees people sees what sources are called. */
export function useSources(): { byId: ReadonlyMap<string, SourceName>; nameOf: (id: string) => string } {
  const may = useMay("people:read");
  const items = useQuery({ ...sourceNamesQuery, enabled: may }).data?.items;
  return useMemo(() => {
    const byId = new Map((items ?? []).map((s) => [s.id, s]));
    return { byId, nameOf: (id: string) => byId.get(id)?.name ?? id };
  }, [items]);
}
