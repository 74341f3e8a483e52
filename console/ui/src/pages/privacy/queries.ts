import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, data } from "@/api/client";
import type { components } from "@/api/schema";

export type PrivacyRequest = components["schemas"]["PrivacyRequest"];
export type PrivacyReceipt = components["schemas"]["PrivacyReceipt"];
export type PrivacyReceiptRow = components["schemas"]["PrivacyReceiptList"]["items"][number];

export const openRequest = (r: PrivacyRequest) => r.state === "waiting" || r.state === "running";

export const requestsQuery = (asked: {
  kind?: PrivacyRequest["kind"];
  state?: PrivacyRequest["state"];
  bulk?: string;
  reason?: string;
  late?: true;
  q?: string;
}) =>
  infiniteQueryOptions({
    queryKey: ["privacy", "requests", asked],
    queryFn: ({ signal, pageParam }) =>
      data(
        api.GET("/api/v1/privacy/requests", {
          signal,
          params: { query: { ...asked, limit: 50, cursor: pageParam } },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor || undefined,
    refetchInterval: (q) => (q.state.data?.pages.some((p) => p.items.some(openRequest)) ? 1500 : 10_000),
  });

export const requestQuery = (id: string) =>
  queryOptions({
    queryKey: ["privacy", "request", id],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/privacy/requests/{id}", { signal, params: { path: { id } } })),
    refetchInterval: (q) => (q.state.data?.ended_at && q.state.data.receipt ? false : 1500),
  });

export const privacySummaryQuery = (bulk: string | undefined) =>
  queryOptions({
    queryKey: ["privacy", "summary", bulk ?? ""],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/privacy/summary", { signal, params: { query: bulk ? { bulk } : {} } })),
    refetchInterval: 3000,
  });

export const receiptsQuery = infiniteQueryOptions({
  queryKey: ["privacy", "receipts"],
  queryFn: ({ signal, pageParam }) =>
    data(
      api.GET("/api/v1/privacy/receipts", { signal, params: { query: { limit: 50, cursor: pageParam } } }),
    ),
  initialPageParam: "",
  getNextPageParam: (last) => last.next_cursor || undefined,
  refetchInterval: 10_000,
});

export const receiptQuery = (id: string) =>
  queryOptions({
    queryKey: ["privacy", "receipt", id],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/privacy/receipts/{id}", { signal, params: { path: { id } } })),
    staleTime: Number.POSITIVE_INFINITY, // a receipt is never changed
  });
