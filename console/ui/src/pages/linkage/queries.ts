import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, data } from "@/api/client";
import { lastJobQuery } from "@/api/jobs";
import type { components } from "@/api/schema";
import type { PairState } from "./search";

export type Linkage = components["schemas"]["Linkage"];
export type LinkageSettings = components["schemas"]["LinkageSettings"];
export type LinkageColumn = components["schemas"]["LinkageColumn"];
export type Pair = components["schemas"]["LinkagePair"];
export type Compared = components["schemas"]["LinkageCompared"];

export const matchJob = "linkage.match";

export const linkageQuery = queryOptions({
  queryKey: ["linkage", "overview"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/linkage", { signal })),
  refetchInterval: 10_000,
});

export const guessQuery = queryOptions({
  queryKey: ["linkage", "guess"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/linkage/guess", { signal })),
  staleTime: 60_000,
});

export const pairsQuery = (state: PairState) =>
  infiniteQueryOptions({
    queryKey: ["linkage", "pairs", state],
    queryFn: ({ signal, pageParam }) =>
      data(
        api.GET("/api/v1/linkage/pairs", {
          signal,
          params: { query: { state, limit: 50, ...(pageParam ? { cursor: pageParam } : {}) } },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor || undefined,
  });

export const pairQuery = (id: string) =>
  queryOptions({
    queryKey: ["linkage", "pair", id],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/linkage/pairs/{id}", { signal, params: { path: { id } } })),
  });

/** The newest run of the job that compares everybody. */
export const lastRunQuery = lastJobQuery(matchJob);

// The model is what the server learnt, as identity/match writes it.
export interface Level {
  name: string;
  m: number;
  u: number;
  /** Among two who live together, where the model tells them apart. */
  kin?: number;
  bits: number;
  learnt?: number;
}
export interface Comparison {
  column: string;
  aspect?: string;
  kind: string;
  levels: Level[];
}
export interface Rule {
  keys: { column: string; key?: string }[];
  pairs: number;
  found: number;
  alone: number;
}
export interface Model {
  columns: LinkageColumn[];
  match: {
    comparisons: Comparison[];
    rules: Rule[];
    prior: number;
    kin?: number;
    thresholds: { link: number; review: number };
    training: { records: number; pairs: number; labels: number; iterations: number };
    estimate: {
      links: number;
      review: number;
      precision: number;
      recall: number;
      blocking: number;
      /** What they may as well be, as far as the data can tell; models of earlier versions do not say. */
      precision_low?: number;
      recall_low?: number;
    };
  };
}
export const modelOf = (l: Linkage): Model | undefined => l.model?.model as Model | undefined;
