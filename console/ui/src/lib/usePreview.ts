import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { api, data } from "@/api/client";
import type { Rule } from "@/api/types";
import { useRested } from "./useDraft";

/** Counts whom a rule finds when it has rested for a moment; the answer before stays until the next one is there. */
export function usePreview(rule: Rule | null) {
  const rested = useRested(rule);
  return useQuery({
    queryKey: ["segment-preview", rested],
    queryFn: ({ signal }) =>
      data(api.POST("/api/v1/segments/preview", { signal, body: { rule: rested as Rule } })),
    enabled: rested !== null,
    placeholderData: keepPreviousData,
    staleTime: 10_000,
    retry: false,
  });
}
