import { queryOptions } from "@tanstack/react-query";
import { api, data } from "@/api/client";
import type { components } from "@/api/schema";

type S = components["schemas"];
export type Group = S["QuarantineGroup"];
export type MendRule = S["MendRule"];
export type MendStep = S["MendStep"];
export type Mend = S["Mend"];
export type Suggestion = S["RepairSuggestion"];
export type Trial = S["RepairTrial"];

export const groupsQuery = (source: string | undefined) =>
  queryOptions({
    queryKey: ["quarantine", "groups", source ?? ""],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/quarantine/groups", { signal, params: { query: source ? { source } : {} } })),
  });

export const groupQuery = (key: string) =>
  queryOptions({
    queryKey: ["quarantine", "group", key],
    queryFn: async ({ signal }) =>
      (await data(api.GET("/api/v1/quarantine/groups", { signal, params: { query: { group: key } } })))
        .items[0] ?? null,
  });

export const suggestionsQuery = (key: string) =>
  queryOptions({
    queryKey: ["quarantine", "suggestions", key],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/quarantine/groups/{id}/suggestions", { signal, params: { path: { id: key } } })),
    staleTime: 60_000,
  });

export const trialQuery = (key: string, rule: MendRule) =>
  queryOptions({
    queryKey: ["quarantine", "trial", key, rule],
    queryFn: ({ signal }) =>
      data(
        api.POST("/api/v1/quarantine/groups/{id}/preview", {
          signal,
          params: { path: { id: key } },
          body: rule,
        }),
      ),
    retry: false,
  });

export const mendsQuery = queryOptions({
  queryKey: ["mends"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/mends", { signal })),
});
