import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, data } from "@/api/client";
import { unfinished } from "@/api/jobs";
import type { components } from "@/api/schema";
import type { jobsShown } from "./search";

export type JobKind = components["schemas"]["JobKind"];
export type Schedule = components["schemas"]["Schedule"];
export type Calendar = components["schemas"]["Calendar"];
export type CalendarDay = components["schemas"]["CalendarDay"];
export type ScheduleDays = components["schemas"]["ScheduleDays"];

const statusesOf = { active: "queued,running", done: "done", failed: "failed,cancelled" } as const;

/** Once a second while something runs: the server writes progress that often. */
export const jobsQuery = (show: (typeof jobsShown)[number] | undefined) =>
  infiniteQueryOptions({
    queryKey: ["jobs", show ?? "all"],
    queryFn: ({ signal, pageParam }) =>
      data(
        api.GET("/api/v1/jobs", {
          signal,
          params: { query: { limit: 50, cursor: pageParam, ...(show ? { status: statusesOf[show] } : {}) } },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor || undefined,
    refetchInterval: (q) => (q.state.data?.pages.some((p) => p.items.some(unfinished)) ? 1000 : 10_000),
  });

export const kindsQuery = queryOptions({
  queryKey: ["jobs", "kinds"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/jobs/kinds", { signal })),
  staleTime: 600_000,
});

export const schedulesQuery = queryOptions({
  queryKey: ["schedules"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/schedules", { signal, params: { query: { limit: 500 } } })),
  refetchInterval: (q) =>
    q.state.data?.items.some((s) => s.last?.status === "queued" || s.last?.status === "running")
      ? 1000
      : 10_000,
});

export const previewQuery = (cron: string, days: ScheduleDays) =>
  queryOptions({
    queryKey: ["schedules", "preview", cron, days],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/schedules/preview", { signal, params: { query: { cron, days, count: 5 } } })),
    retry: false,
  });

export const calendarQuery = queryOptions({
  queryKey: ["calendar"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/calendar", { signal })),
});
