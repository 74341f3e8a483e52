import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import { api, data } from "@/api/client";
import type { Query, QueryResult } from "@/api/types";
import { formatJson } from "@/lib/json";
import { useRested } from "@/lib/useDraft";

export interface Answer<Q extends Query> {
  /** The last answer and the question that it belongs to, which may be older than the one being asked. */
  answered: { query: Q; result: QueryResult } | undefined;
  /** What is shown belongs to an older question. */
  stale: boolean;
  asking: boolean;
  /** Asked for more than a second: time for progress and a way out. */
  slow: boolean;
  stopped: boolean;
  error: unknown;
  retry: () => void;
  cancel: () => void;
}

/** Asks a question when it has rested for a moment. The answer keeps its question, so that a click on it means itself. */
export function useAnswer<Q extends Query>(query: Q | null): Answer<Q> {
  const client = useQueryClient();
  const rested = useRested(query);
  const key = ["answer", rested];
  const q = useQuery({
    queryKey: key,
    queryFn: async ({ signal }) => ({
      query: rested as Q,
      result: await data(api.POST("/api/v1/query", { signal, body: rested as Query })),
    }),
    enabled: rested !== null,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    refetchOnWindowFocus: false,
    retry: false,
  });
  const asking = q.isFetching;
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    setSlow(false);
    if (!asking) return;
    const timer = setTimeout(() => setSlow(true), 1000);
    return () => clearTimeout(timer);
  }, [asking]);

  const name = formatJson(rested);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key by content
  const cancel = useCallback(() => void client.cancelQueries({ queryKey: key, exact: true }), [client, name]);
  const retry = useCallback(() => void q.refetch(), [q.refetch]);
  return {
    answered: rested === null || (q.error && !asking) ? undefined : q.data,
    stale: q.isPlaceholderData,
    asking,
    slow: slow && asking,
    stopped: rested !== null && !asking && (q.status === "pending" || q.isPlaceholderData),
    error: asking ? null : q.error,
    retry,
    cancel,
  };
}
