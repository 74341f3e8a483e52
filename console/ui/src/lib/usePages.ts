import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import { useMemo } from "react";

/** The rows of an infinite query and what DataTable needs to load more of them. */
export function usePages<T>(query: UseInfiniteQueryResult<InfiniteData<{ items: T[] }>>) {
  const rows = useMemo(() => query.data?.pages.flatMap((p) => p.items), [query.data]);
  return {
    rows,
    loading: query.isPending,
    error: query.error,
    onRetry: () => void query.refetch(),
    more: {
      has: query.hasNextPage,
      loading: query.isFetchingNextPage,
      load: () => void query.fetchNextPage(),
    },
  };
}
