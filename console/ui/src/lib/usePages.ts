import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";

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

/** Rows of a page as people see it, and how many answers it may take before they are asked whether to go on. */
const pageRows = 50;
const mostAnswers = 5;

/** Whether to ask once more by oneself: since the mark, too few rows came, in not too many answers. */
export function goesOn(pages: readonly number[], mark: number): boolean {
  const since = pages.slice(mark);
  return since.length < mostAnswers && since.reduce((n, rows) => n + rows, 0) < pageRows;
}

/**
 * As usePages, for lists whose answers may hold few rows, or none, while there are more: a narrowed list looks at a bounded
 * number of items for each. It loads until a page is full, within a bound; `looking` says that it does, and `more` goes on.
 * `name` tells one list from another.
 */
export function useFilledPages<T>(
  query: UseInfiniteQueryResult<InfiniteData<{ items: T[] }>>,
  name: string,
): ReturnType<typeof usePages<T>> & { looking: boolean } {
  const pages = usePages(query);
  const [mark, setMark] = useState({ name, at: 0 });
  const at = mark.name === name ? mark.at : 0;
  const counts = query.data?.pages.map((p) => p.items.length) ?? [];
  const looking = query.hasNextPage && !query.error && goesOn(counts, at);
  const { fetchNextPage, isFetching } = query;
  useEffect(() => {
    if (looking && !isFetching) void fetchNextPage();
  }, [looking, isFetching, fetchNextPage]);
  const none = pages.rows?.length === 0 && looking;
  return {
    ...pages,
    rows: none ? undefined : pages.rows,
    loading: pages.loading || none,
    looking,
    more: {
      ...pages.more,
      loading: pages.more.loading || looking,
      load: () => void setMark({ name, at: counts.length }),
    },
  };
}
