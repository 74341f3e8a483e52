import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, data } from "@/api/client";
import type { components } from "@/api/schema";

type Schemas = components["schemas"];
export type Cycle = Schemas["LifeCycle"];
export type CycleDefinition = Schemas["LifeCycleDefinition"];
export type CycleReport = Schemas["LifeCycleReport"];
export type StageReport = CycleReport["stages"][number];
export type Span = Schemas["StageSpan"] & { line: Schemas["PersonSummary"] };
export type Template = Schemas["Template"];
export type TemplateResult = Schemas["TemplateResult"];

export const cyclesQuery = queryOptions({
  queryKey: ["stages", "list"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/stages", { signal, params: { query: { limit: 500 } } })),
  refetchInterval: 10_000,
});
export const cycleQuery = (id: string) =>
  queryOptions({
    queryKey: ["stages", "one", id],
    queryFn: ({ signal }) => data(api.GET("/api/v1/stages/{id}", { signal, params: { path: { id } } })),
    refetchInterval: 5_000,
  });
export const reportQuery = (id: string, days: number) =>
  queryOptions({
    queryKey: ["stages", "report", id, days],
    queryFn: ({ signal }) => {
      const to = Date.now() + 60_000;
      const iso = (ms: number) => new Date(Math.floor(ms / 60_000) * 60_000).toISOString();
      return data(
        api.GET("/api/v1/stages/{id}/report", {
          signal,
          params: { path: { id }, query: { from: iso(to - days * 86_400_000), to: iso(to) } },
        }),
      );
    },
    refetchInterval: 30_000,
  });
export const cycleVersionsQuery = (id: string) =>
  queryOptions({
    queryKey: ["stages", "versions", id],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/stages/{id}/versions", { signal, params: { path: { id } } })),
  });
export const cycleCompareQuery = (id: string, from: number, to: number) =>
  queryOptions({
    queryKey: ["stages", "compare", id, from, to],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/stages/{id}/compare", { signal, params: { path: { id }, query: { from, to } } })),
    enabled: from > 0,
  });
export const spansQuery = (id: string, stage: string | undefined, open: boolean) =>
  infiniteQueryOptions({
    queryKey: ["stages", "spans", id, stage, open],
    queryFn: ({ signal, pageParam }) =>
      data(
        api.GET("/api/v1/stages/{id}/spans", {
          signal,
          params: {
            path: { id },
            query: {
              limit: 50,
              ...(stage === undefined ? {} : { stage }),
              ...(open ? { open } : {}),
              ...(pageParam ? { cursor: pageParam } : {}),
            },
          },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor || undefined,
    refetchInterval: 10_000,
  });
export const templatesQuery = queryOptions({
  queryKey: ["stages", "templates"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/templates", { signal })),
});
