import { queryOptions } from "@tanstack/react-query";
import { api, data } from "@/api/client";
import type { components } from "@/api/schema";

export type Hold = components["schemas"]["Hold"];
export type RetentionRule = components["schemas"]["RetentionRule"];
export type RetentionCount = components["schemas"]["RetentionCount"];
export type RetentionRun = components["schemas"]["RetentionRuns"]["items"][number];

export const holdsQuery = queryOptions({
  queryKey: ["holds", "list"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/holds", { signal })),
});
export const holdQuery = (id: string) =>
  queryOptions({
    queryKey: ["holds", id],
    queryFn: ({ signal }) => data(api.GET("/api/v1/holds/{id}", { signal, params: { path: { id } } })),
  });
export const retentionQuery = queryOptions({
  queryKey: ["retention", "rules"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/retention", { signal })),
});
export const retentionRunsQuery = queryOptions({
  queryKey: ["retention", "runs"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/retention/runs", { signal })),
  refetchInterval: 10_000,
});
