import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, data } from "@/api/client";
import { compact } from "@/lib/search";
import type { Told, Who } from "./doors";

/** What is asked of an audience: now, or at a past moment. */
const asked = (who: Who, at: string | undefined) => ({ ...who, ...compact({ at }) });

export interface Sampled {
  of: Told | "members";
  path: string;
  limit: number;
}

export const audienceCountQuery = (who: Who, at: string | undefined, sample?: Sampled) =>
  queryOptions({
    queryKey: ["audience", "count", who, at ?? "now", sample ?? null],
    queryFn: ({ signal }) =>
      data(
        api.POST("/api/v1/audience/count", { signal, body: { ...asked(who, at), ...compact({ sample }) } }),
      ),
    staleTime: 20_000,
    retry: false,
  });

export const audienceOverlapQuery = (sets: readonly Who[], at: string | undefined, within?: number[]) =>
  queryOptions({
    queryKey: ["audience", "overlap", sets, at ?? "now", within ?? null],
    queryFn: ({ signal }) =>
      data(
        api.POST("/api/v1/audience/overlap", {
          signal,
          body: {
            sets: [...sets],
            ...compact({ at }),
            ...(within ? { sample: { in: within, limit: 50 } } : {}),
          },
        }),
      ),
    enabled: sets.length > 1,
    placeholderData: keepPreviousData,
    staleTime: 20_000,
    retry: false,
  });

export const audiencePortraitQuery = (who: Who, at: string | undefined, fields: readonly string[]) =>
  queryOptions({
    queryKey: ["audience", "portrait", who, at ?? "now", fields],
    queryFn: ({ signal }) =>
      data(
        api.POST("/api/v1/audience/portrait", {
          signal,
          body: { ...asked(who, at), limit: 12, fields: fields.map((trait) => ({ trait })) },
        }),
      ),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    retry: false,
  });

export const audienceFieldsQuery = queryOptions({
  queryKey: ["audience", "fields"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/audience/fields", { signal })),
  staleTime: 300_000,
});

export const segmentTrendQuery = (id: string, interval: "hour" | "day") =>
  queryOptions({
    queryKey: ["segments", id, "trend", interval],
    queryFn: ({ signal }) =>
      data(
        api.GET("/api/v1/segments/{id}/trend", {
          signal,
          params: { path: { id }, query: { interval, points: interval === "hour" ? 48 : 30 } },
        }),
      ),
    staleTime: 20_000,
  });

/** Of how many hours the explorer tells who came and went. */
export const flowHours = 168;
export const segmentFlowQuery = (id: string) =>
  queryOptions({
    queryKey: ["segments", id, "flow"],
    queryFn: ({ signal }) =>
      data(
        api.GET("/api/v1/segments/{id}/flow", {
          signal,
          params: { path: { id }, query: { hours: flowHours } },
        }),
      ),
    staleTime: 20_000,
  });

export const segmentOriginQuery = (id: string) =>
  queryOptions({
    queryKey: ["segments", id, "origin"],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/segments/{id}/origin", { signal, params: { path: { id } } })),
    staleTime: 60_000,
  });
