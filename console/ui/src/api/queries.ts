import { infiniteQueryOptions, QueryClient, queryOptions } from "@tanstack/react-query";
import { stableJson } from "@/lib/json";
import { ApiError, api, data } from "./client";
import type { Query, Select, UsesAsked } from "./types";

/**
 * Every read of the console, named once. A component says `useQuery(personQuery(ref))`; a write says
 * `queryClient.invalidateQueries({ queryKey: ["sources"] })` with the first word of the key.
 */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // Questions may hold integers that only a bigint can (lib/json).
      queryKeyHashFn: stableJson,
      staleTime: 15_000,
      refetchOnWindowFocus: true,
      // A refusal will be refused again; only trouble on the way is worth another try.
      retry: (failures, error) => failures < 2 && !(error instanceof ApiError && error.status < 500),
    },
  },
});

const nextPage = {
  initialPageParam: "",
  getNextPageParam: (p: { next_cursor: string }) => p.next_cursor || undefined,
};
const page = (cursor: string, limit = 50) => ({ limit, ...(cursor ? { cursor } : {}) });

// Session and settings
export const sessionQuery = queryOptions({
  queryKey: ["session"],
  // Without a signal: the guard of a route waits for this answer, too, which must not be
  // cancelled when a component that asked for it goes.
  queryFn: () => data(api.GET("/api/v1/session")),
  staleTime: 60_000,
});
export const settingsQuery = queryOptions({
  queryKey: ["settings"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/settings", { signal })),
});
export const mailQuery = queryOptions({
  queryKey: ["mail"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/mail", { signal })),
});
export const apiKeysQuery = queryOptions({
  queryKey: ["api-keys"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/api-keys", { signal, params: { query: { limit: 500 } } })),
});
export const auditChainQuery = queryOptions({
  queryKey: ["audit", "chain"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/audit/chain", { signal })),
  staleTime: 60_000,
});
export const usersQuery = queryOptions({
  queryKey: ["users"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/users", { signal, params: { query: { limit: 500 } } })),
});
export const reactorsQuery = queryOptions({
  queryKey: ["reactors", "list"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/reactors", { signal, params: { query: { limit: 500 } } })),
});
export const reactorLettersQuery = (name: string) =>
  infiniteQueryOptions({
    queryKey: ["reactors", "letters", name],
    queryFn: ({ signal, pageParam }) =>
      data(
        api.GET("/api/v1/reactors/{name}/dead-letters", {
          signal,
          params: { path: { name }, query: page(pageParam) },
        }),
      ),
    ...nextPage,
  });
export const rolesQuery = queryOptions({
  queryKey: ["roles"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/roles", { signal })),
  staleTime: 600_000,
});
export interface AuditFilter {
  action?: string;
  actor?: string;
  target?: string;
  from?: string;
  q?: string;
}
export const auditQuery = (filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ["audit", "list", filter],
    queryFn: ({ signal, pageParam }) =>
      data(api.GET("/api/v1/audit", { signal, params: { query: { ...filter, ...page(pageParam) } } })),
    ...nextPage,
  });
export const auditFacetsQuery = queryOptions({
  queryKey: ["audit", "facets"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/audit/facets", { signal })),
  staleTime: 60_000,
});

// Collect
export const statsQuery = queryOptions({
  queryKey: ["stats"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/stats", { signal })),
  staleTime: 5_000,
});
export const processesQuery = queryOptions({
  queryKey: ["processes"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/processes", { signal })),
  refetchInterval: 5_000,
});
export const sourcesQuery = queryOptions({
  queryKey: ["sources"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/sources", { signal, params: { query: { limit: 500 } } })),
});
/** What sources are called, also for those who may not see more of them. */
export const sourceNamesQuery = queryOptions({
  queryKey: ["sources", "names"],
  queryFn: ({ signal }) =>
    data(api.GET("/api/v1/sources/names", { signal, params: { query: { limit: 500 } } })),
  staleTime: 60_000,
});
/** Plans that have an event, with what they say of it. */
export const plansOfEventQuery = (event: string) =>
  queryOptions({
    queryKey: ["plans", "of-event", event],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/plans", { signal, params: { query: { limit: 50, event } } })),
  });

/** The plan that holds for a source: one or none. */
export const planOfSourceQuery = (source: string) =>
  queryOptions({
    queryKey: ["plans", "of-source", source],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/plans", { signal, params: { query: { limit: 1, source } } })),
  });

/** Of all sources: by minute over the last hour, by hour over the last day. */
export const qualityScoresQuery = (by: "minute" | "hour") =>
  queryOptions({
    queryKey: ["quality", "scores", by],
    queryFn: ({ signal }) => data(api.GET("/api/v1/quality/scores", { signal, params: { query: { by } } })),
  });
export const qualityAlarmsQuery = queryOptions({
  queryKey: ["quality", "alarms"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/quality/alarms", { signal })),
});
export const usesQuery = (asked: UsesAsked) =>
  queryOptions({
    queryKey: ["uses", asked],
    queryFn: ({ signal }) => data(api.GET("/api/v1/catalogue/uses", { signal, params: { query: asked } })),
  });
export const alarmImpactQuery = (id: string) =>
  queryOptions({
    queryKey: ["quality", "impact", id],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/quality/alarms/{id}/impact", { signal, params: { path: { id } } })),
  });
export const webhooksQuery = queryOptions({
  queryKey: ["webhooks"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/webhooks", { signal, params: { query: { limit: 500 } } })),
});
export const webhookQuery = (id: string) =>
  queryOptions({
    queryKey: ["webhooks", id],
    queryFn: ({ signal }) => data(api.GET("/api/v1/webhooks/{id}", { signal, params: { path: { id } } })),
  });
export const webhookDeliveriesQuery = (id: string, state: "delivered" | "waiting" | "dead") =>
  infiniteQueryOptions({
    queryKey: ["webhooks", id, "deliveries", state],
    queryFn: ({ signal, pageParam }) =>
      data(
        api.GET("/api/v1/webhooks/{id}/deliveries", {
          signal,
          params: { path: { id }, query: { state, ...page(pageParam) } },
        }),
      ),
    ...nextPage,
  });
export const webhookDeliveryQuery = (id: string, delivery: string) =>
  queryOptions({
    queryKey: ["webhooks", id, "delivery", delivery],
    queryFn: ({ signal }) =>
      data(
        api.GET("/api/v1/webhooks/{id}/deliveries/{delivery}", {
          signal,
          params: { path: { id, delivery } },
        }),
      ),
  });
export const quarantineSummaryQuery = queryOptions({
  queryKey: ["quarantine", "summary"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/quarantine/summary", { signal })),
});
/** How many events wait in quarantine; replayed and discarded ones do not. */
export const totalWaiting = (summary: readonly { count: number }[]) =>
  summary.reduce((n, s) => n + s.count, 0);
export const quarantineQuery = (filter: { source?: string; code?: string; q?: string }) =>
  infiniteQueryOptions({
    queryKey: ["quarantine", "list", filter],
    queryFn: ({ signal, pageParam }) =>
      data(api.GET("/api/v1/quarantine", { signal, params: { query: { ...filter, ...page(pageParam) } } })),
    ...nextPage,
  });
export const catalogueEventsQuery = queryOptions({
  queryKey: ["catalogue", "events"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/catalogue/events", { signal })),
  staleTime: 60_000,
});
/** Also what happened long ago, as after an import of old data: for choosing events, and for "all time". */
export const catalogueAllEventsQuery = queryOptions({
  queryKey: ["catalogue", "events", "all"],
  queryFn: ({ signal }) =>
    data(
      api.GET("/api/v1/catalogue/events", { signal, params: { query: { from: "1971-01-01T00:00:00Z" } } }),
    ),
  staleTime: 300_000,
});
export const cataloguePropertiesQuery = (event: string) =>
  queryOptions({
    queryKey: ["catalogue", "properties", event],
    queryFn: ({ signal }) =>
      data(
        api.GET("/api/v1/catalogue/events/{name}/properties", { signal, params: { path: { name: event } } }),
      ),
    staleTime: 60_000,
    enabled: event !== "",
  });
export const catalogueTraitsQuery = queryOptions({
  queryKey: ["catalogue", "traits"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/catalogue/traits", { signal })),
  staleTime: 60_000,
});
/** What people have said of names, and where personal data was found. */
export const catalogueEntriesQuery = queryOptions({
  queryKey: ["catalogue", "entries"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/catalogue/entries", { signal })),
  staleTime: 30_000,
});
export const catalogueValuesQuery = (of: {
  event?: string;
  property?: string;
  dimension?: string;
  trait?: string;
  q?: string;
}) =>
  queryOptions({
    queryKey: ["catalogue", "values", of],
    queryFn: ({ signal }) => data(api.GET("/api/v1/catalogue/values", { signal, params: { query: of } })),
    staleTime: 60_000,
    enabled: Boolean(of.property || of.dimension || of.trait),
  });
export const importQuery = (id: string) =>
  queryOptions({
    queryKey: ["imports", id],
    queryFn: ({ signal }) => data(api.GET("/api/v1/imports/{id}", { signal, params: { path: { id } } })),
  });
export const uploadsQuery = queryOptions({
  queryKey: ["uploads"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/uploads", { signal })),
});
export const uploadQuery = (id: string) =>
  queryOptions({
    queryKey: ["uploads", id],
    queryFn: ({ signal }) => data(api.GET("/api/v1/uploads/{id}", { signal, params: { path: { id } } })),
  });
/** What a whole file looks like; `format` is what people said of how it is written. */
export const guessQuery = (id: string, format: Record<string, unknown>, zone: string) =>
  queryOptions({
    queryKey: ["uploads", id, "guess", format, zone],
    queryFn: ({ signal }) =>
      data(
        api.POST("/api/v1/uploads/{id}/guess", { signal, params: { path: { id } }, body: { format, zone } }),
      ),
    staleTime: Number.POSITIVE_INFINITY,
  });
export const previewQuery = (id: string, how: { mapping: Record<string, unknown> } | { yaml: string }) =>
  queryOptions({
    queryKey: ["uploads", id, "preview", how],
    queryFn: ({ signal }) =>
      data(api.POST("/api/v1/uploads/{id}/preview", { signal, params: { path: { id } }, body: how })),
    staleTime: Number.POSITIVE_INFINITY,
  });
export const dryRunQuery = (id: string) =>
  queryOptions({
    queryKey: ["uploads", id, "dry-run"],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/uploads/{id}/dry-run", { signal, params: { path: { id } } })),
  });
export const mappingsQuery = queryOptions({
  queryKey: ["mappings"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/mappings", { signal })),
});
export const importsQuery = infiniteQueryOptions({
  queryKey: ["imports"],
  queryFn: ({ signal, pageParam }) =>
    data(api.GET("/api/v1/imports", { signal, params: { query: page(pageParam) } })),
  ...nextPage,
});

// People
export interface PersonFilter {
  q?: string;
  known?: boolean;
  segment?: string;
  kind?: string;
  channel?: string;
  seen_after?: string;
}
export const personsQuery = (filter: PersonFilter) =>
  infiniteQueryOptions({
    queryKey: ["persons", "list", filter],
    queryFn: ({ signal, pageParam }) =>
      data(api.GET("/api/v1/persons", { signal, params: { query: { ...filter, ...page(pageParam) } } })),
    ...nextPage,
  });
export const personQuery = (ref: string) =>
  queryOptions({
    queryKey: ["persons", ref],
    queryFn: ({ signal }) => data(api.GET("/api/v1/persons/{ref}", { signal, params: { path: { ref } } })),
  });
export const personEventsQuery = (ref: string, event: string) =>
  infiniteQueryOptions({
    queryKey: ["persons", ref, "events", event],
    queryFn: ({ signal, pageParam }) =>
      data(
        api.GET("/api/v1/persons/{ref}/events", {
          signal,
          params: { path: { ref }, query: { ...(event ? { event } : {}), ...page(pageParam) } },
        }),
      ),
    ...nextPage,
  });
export const identityQuery = (ref: string, between?: { from: string; to: string }) =>
  queryOptions({
    queryKey: ["persons", ref, "identity", between ?? null],
    queryFn: ({ signal }) =>
      data(
        api.GET("/api/v1/persons/{ref}/identity", {
          signal,
          params: { path: { ref }, query: between ?? {} },
        }),
      ),
  });

/** What operators did to a person; asked again while one waits for the pipeline. */
export const personCommandsQuery = (ref: string) =>
  queryOptions({
    queryKey: ["persons", ref, "commands"],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/persons/{ref}/commands", { signal, params: { path: { ref } } })),
    refetchInterval: (q) => (q.state.data?.items.some((c) => c.state === "waiting") ? 2000 : false),
  });

export const identityRulesQuery = queryOptions({
  queryKey: ["identity", "rules"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/identity/kinds", { signal })),
});
export const suggestionsQuery = queryOptions({
  queryKey: ["identity", "suggestions"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/identity/suggestions", { signal })),
});
export const sharedIdentifiersQuery = queryOptions({
  queryKey: ["identity", "shared"],
  queryFn: ({ signal }) =>
    data(api.GET("/api/v1/identity/shared", { signal, params: { query: { limit: 200 } } })),
});
export const sharedIdentifierQuery = (node: number) =>
  queryOptions({
    queryKey: ["identity", "shared", node],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/identity/shared/{node}", { signal, params: { path: { node } } })),
  });
export const checkIdentifierQuery = (kind: string, value: string) =>
  queryOptions({
    queryKey: ["identity", "check", kind, value],
    queryFn: ({ signal }) => data(api.POST("/api/v1/identity/check", { signal, body: { kind, value } })),
  });

// Segments
export const householdsQuery = (asked: {
  sort: "revenue" | "size" | "score";
  children?: true;
  min_size?: number;
  q?: string;
}) =>
  infiniteQueryOptions({
    queryKey: ["households", "list", asked],
    queryFn: ({ signal, pageParam }) =>
      data(
        api.GET("/api/v1/households", {
          signal,
          params: { query: { ...asked, ...page(pageParam) } },
        }),
      ),
    ...nextPage,
  });
export const householdTotalsQuery = queryOptions({
  queryKey: ["households", "totals"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/households/totals", { signal })),
});
export const householdRulesQuery = queryOptions({
  queryKey: ["households", "rules"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/households/rules", { signal })),
});
/** Estimated anew whenever somebody asks. */
export const householdStrengthsQuery = queryOptions({
  queryKey: ["households", "strengths"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/households/strengths", { signal })),
  staleTime: 0,
});
export const householdTagsQuery = queryOptions({
  queryKey: ["households", "tags"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/households/tags", { signal })),
  staleTime: 30_000,
});
export const householdQuery = (id: string) =>
  queryOptions({
    queryKey: ["household", id],
    queryFn: ({ signal }) => data(api.GET("/api/v1/households/{id}", { signal, params: { path: { id } } })),
  });
export const personHouseholdsQuery = (ref: string) =>
  queryOptions({
    queryKey: ["persons", ref, "households"],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/persons/{ref}/households", { signal, params: { path: { ref } } })),
  });
export const segmentsQuery = queryOptions({
  queryKey: ["segments"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/segments", { signal, params: { query: { limit: 500 } } })),
});
export const segmentMovementsQuery = (days: number, limit: number) =>
  queryOptions({
    queryKey: ["segments", "movements", days, limit],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/segments/movements", { signal, params: { query: { days, limit } } })),
  });
export const segmentQuery = (id: string) =>
  queryOptions({
    queryKey: ["segments", id],
    queryFn: ({ signal }) => data(api.GET("/api/v1/segments/{id}", { signal, params: { path: { id } } })),
  });
export const activationsQuery = queryOptions({
  queryKey: ["activations"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/activations", { signal })),
});
export const segmentVersionsQuery = (id: string) =>
  queryOptions({
    queryKey: ["segments", id, "versions"],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/segments/{id}/versions", { signal, params: { path: { id } } })),
  });
export const segmentCompareQuery = (id: string, from: number, to: number) =>
  queryOptions({
    queryKey: ["segments", id, "compare", from, to],
    queryFn: ({ signal }) =>
      data(
        api.GET("/api/v1/segments/{id}/compare", { signal, params: { path: { id }, query: { from, to } } }),
      ),
  });
export const segmentMembersQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: ["segments", id, "members"],
    queryFn: ({ signal, pageParam }) =>
      data(
        api.GET("/api/v1/segments/{id}/members", {
          signal,
          params: { path: { id }, query: page(pageParam) },
        }),
      ),
    ...nextPage,
  });
export const segmentChangesQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: ["segments", id, "changes"],
    queryFn: ({ signal, pageParam }) =>
      data(
        api.GET("/api/v1/segments/{id}/changes", {
          signal,
          params: { path: { id }, query: page(pageParam) },
        }),
      ),
    ...nextPage,
  });
export const segmentHistoryQuery = (id: string) =>
  queryOptions({
    queryKey: ["segments", id, "history"],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/segments/{id}/history", { signal, params: { path: { id } } })),
  });

// Analytics
export const analyticsQuery = (query: Query) =>
  queryOptions({
    queryKey: ["query", query],
    queryFn: ({ signal }) => data(api.POST("/api/v1/query", { signal, body: query })),
    staleTime: 30_000,
  });
export const householdsBehindQuery = (query: Query, select: Select) =>
  infiniteQueryOptions({
    queryKey: ["query-households", query, select],
    queryFn: ({ signal, pageParam }) =>
      data(api.POST("/api/v1/query/households", { signal, body: { query, select, ...page(pageParam) } })),
    ...nextPage,
  });
export const peopleBehindQuery = (query: Query, select: Select) =>
  infiniteQueryOptions({
    queryKey: ["query-people", query, select],
    queryFn: ({ signal, pageParam }) =>
      data(api.POST("/api/v1/query/people", { signal, body: { query, select, ...page(pageParam) } })),
    ...nextPage,
  });

// Consent
/** How many of a segment's members consent holds back. */
/** Asked for a purpose, or for what the segment serves. */
export const segmentConsentQuery = (id: string, purpose = "") =>
  queryOptions({
    queryKey: ["segments", id, "consent", purpose],
    staleTime: 30_000,
    queryFn: ({ signal }) =>
      data(
        api.GET("/api/v1/segments/{id}/consent", {
          signal,
          params: { path: { id }, query: purpose ? { purpose } : {} },
        }),
      ),
  });
export const consentPolicyQuery = queryOptions({
  queryKey: ["consent", "policy"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/consent/policy", { signal })),
});
export const consentPoliciesQuery = queryOptions({
  queryKey: ["consent", "policies"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/consent/policies", { signal })),
});
export const consentNumbersQuery = (days: number) =>
  queryOptions({
    queryKey: ["consent", "numbers", days],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/consent/numbers", { signal, params: { query: { days } } })),
  });
export const personConsentsQuery = (ref: string) =>
  queryOptions({
    queryKey: ["persons", ref, "consents"],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/persons/{ref}/consents", { signal, params: { path: { ref } } })),
  });
