import { queryOptions } from "@tanstack/react-query";
import { api, data } from "./client";
import type { components } from "./schema";

export type Job = components["schemas"]["Job"];

export const unfinished = (j: Job) => j.status === "queued" || j.status === "running";

export const jobQuery = (id: string) =>
  queryOptions({
    queryKey: ["jobs", "one", id],
    queryFn: ({ signal }) => data(api.GET("/api/v1/jobs/{id}", { signal, params: { path: { id } } })),
    refetchInterval: (q) => (q.state.data && !unfinished(q.state.data) ? false : 1000),
  });

/** The newest job of a kind, null before the first. */
export const lastJobQuery = (kind: string) =>
  queryOptions({
    queryKey: ["jobs", "last", kind],
    queryFn: async ({ signal }) => {
      const page = await data(api.GET("/api/v1/jobs", { signal, params: { query: { kind, limit: 1 } } }));
      return page.items[0] ?? null;
    },
    refetchInterval: (q) => (q.state.data && unfinished(q.state.data) ? 1000 : 30_000),
  });
