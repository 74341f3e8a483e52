import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { sourcesQuery } from "@/api/queries";
import type { Source } from "@/api/types";
import { useMay } from "@/app/session";

/** Sources by id, for naming them where data carries only the id. Who may not see sources sees the ids. */
export function useSources(): { byId: ReadonlyMap<string, Source>; nameOf: (id: string) => string } {
  const may = useMay("sources:read");
  const items = useQuery({ ...sourcesQuery, enabled: may }).data?.items;
  return useMemo(() => {
    const byId = new Map((items ?? []).map((s) => [s.id, s]));
    return { byId, nameOf: (id: string) => byId.get(id)?.name ?? id };
  }, [items]);
}
