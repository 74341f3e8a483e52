import { queryOptions } from "@tanstack/react-query";
import { api, data } from "@/api/client";
import type { components } from "@/api/schema";

type S = components["schemas"];
export type Plan = S["TrackingPlan"];
export type PlanDocument = S["PlanDocument"];
export type PlannedEvent = S["PlannedEvent"];
export type PlanAction = S["PlanAction"];
export type PlanRule = S["PlanRule"];
export type Breach = S["PlanBreaches"]["breaches"][number];
export type Breaches = S["PlanBreaches"];
export type Preview = S["PlanPreview"];
export type Revision = S["PlanRevision"];

/** A plan with the version that a change of it is made for. */
export interface OpenPlan {
  plan: Plan;
  etag: string;
}

export async function opened(answer: Promise<{ data?: Plan; response: Response }>): Promise<OpenPlan> {
  const { data: plan, response } = await answer;
  return { plan: plan as Plan, etag: response.headers.get("ETag") ?? "" };
}

export const plansQuery = queryOptions({
  queryKey: ["plans", "list"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/plans", { signal, params: { query: { limit: 500 } } })),
});

export const planQuery = (id: string) =>
  queryOptions({
    queryKey: ["plans", "one", id],
    queryFn: ({ signal }) => opened(api.GET("/api/v1/plans/{id}", { signal, params: { path: { id } } })),
  });

export const revisionsQuery = (id: string) =>
  queryOptions({
    queryKey: ["plans", "revisions", id],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/plans/{id}/revisions", { signal, params: { path: { id } } })),
  });

export const breachesQuery = (id: string, hours: number) =>
  queryOptions({
    queryKey: ["plans", "breaches", id, hours],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/plans/{id}/breaches", { signal, params: { path: { id }, query: { hours } } })),
    refetchInterval: 30_000,
  });

/** The events that come in are held against the draft as it is saved; `version` is that draft's. */
export const previewQuery = (id: string, version: number) =>
  queryOptions({
    queryKey: ["plans", "preview", id, version],
    queryFn: ({ signal }) =>
      data(api.POST("/api/v1/plans/{id}/preview", { signal, params: { path: { id } } })),
    staleTime: Number.POSITIVE_INFINITY,
  });
