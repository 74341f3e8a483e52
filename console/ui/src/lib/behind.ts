import { useRouterState } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import type { Query, Select } from "@/api/types";
import { compact, str } from "./search";
import { useSetSearch } from "./useSetSearch";

/**
 * A number that was clicked: the question it answers, which cell of the answer, and what to call it. It lives in the
 * address (`?behind=`), so the open drawer can be shared and reloaded.
 */
export interface Behind {
  title: string;
  query: Query;
  select: Select;
}

/** What every page may carry in its address: the open drawer, and the order of its table. */
export function sharedSearch(raw: Record<string, unknown>): { behind?: Behind; sort?: string } {
  const b = raw.behind as Partial<Behind> | undefined;
  const ok =
    typeof b === "object" &&
    b !== null &&
    typeof b.title === "string" &&
    typeof b.query === "object" &&
    b.query !== null &&
    typeof b.select === "object" &&
    b.select !== null;
  return compact({
    behind: ok
      ? { title: b.title as string, query: b.query as Query, select: b.select as Select }
      : undefined,
    sort: str(raw, "sort"),
  });
}

/** What of it this address carries. */
export function useSharedSearch(): { behind?: Behind; sort?: string } {
  const search = useRouterState({ select: (s) => s.location.search as Record<string, unknown> });
  return useMemo(() => sharedSearch(search), [search]);
}

/** Opens (with a Behind) or closes (without) the drawer of people behind a number. */
export function usePeopleBehind(): (behind?: Behind) => void {
  const setSearch = useSetSearch();
  return useCallback((behind) => setSearch({ behind }, "push"), [setSearch]);
}
