import { queryOptions } from "@tanstack/react-query";
import { api, data } from "@/api/client";
import type { components } from "@/api/schema";

type Schemas = components["schemas"];
export type Tag = Schemas["ComputedTag"];
export type TagKind = Schemas["TagKind"];
export type TagDefinition = Schemas["TagDefinition"];
export type PersonTag = Schemas["PersonTag"];
export type TagMatching = Schemas["TagMatching"];

export const tagsQuery = queryOptions({
  queryKey: ["tags", "list"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/tags", { signal, params: { query: { limit: 500 } } })),
  refetchInterval: 10_000,
});
export const tagQuery = (id: string) =>
  queryOptions({
    queryKey: ["tags", "one", id],
    queryFn: ({ signal }) => data(api.GET("/api/v1/tags/{id}", { signal, params: { path: { id } } })),
    refetchInterval: 5_000,
  });
export const versionsQuery = (id: string) =>
  queryOptions({
    queryKey: ["tags", "versions", id],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/tags/{id}/versions", { signal, params: { path: { id } } })),
  });
export const compareQuery = (id: string, from: number, to: number) =>
  queryOptions({
    queryKey: ["tags", "compare", id, from, to],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/tags/{id}/compare", { signal, params: { path: { id }, query: { from, to } } })),
    enabled: from > 0,
  });
export const distributionQuery = (id: string) =>
  queryOptions({
    queryKey: ["tags", "distribution", id],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/tags/{id}/distribution", { signal, params: { path: { id } } })),
    refetchInterval: 10_000,
  });
export const historyQuery = (id: string) =>
  queryOptions({
    queryKey: ["tags", "history", id],
    queryFn: ({ signal }) => data(api.GET("/api/v1/tags/{id}/history", { signal, params: { path: { id } } })),
  });
export const taxonomiesQuery = queryOptions({
  queryKey: ["tags", "taxonomies"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/taxonomies", { signal })),
});
export const personTagsQuery = (ref: string) =>
  queryOptions({
    queryKey: ["persons", ref, "tags"],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/persons/{ref}/tags", { signal, params: { path: { ref } } })),
    refetchInterval: 10_000,
  });
