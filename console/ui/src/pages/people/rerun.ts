import { queryOptions } from "@tanstack/react-query";
import { api, data } from "@/api/client";
import { lastJobQuery } from "@/api/jobs";
import type { components } from "@/api/schema";
import type { IdentityKind } from "@/api/types";

export type RerunSample = components["schemas"]["RerunSample"];

export const rerunJob = "identity.rerun";

/** A change of the rules: kinds may name only what is to change of them. */
export interface RulesChange {
  kinds?: (Partial<IdentityKind> & { kind: string })[];
  reset?: string[];
  blocked?: { kind?: string; value: string; blocked: boolean }[];
}

export interface RerunSegment {
  id: string;
  name: string;
  size: number;
  /** Members who would be others than they are. */
  touched: number;
  /** Who would come and go, of those that were foretold. */
  enter: number;
  leave: number;
  after: number;
}

/** What a re-run would change, or has changed: the result of its job. */
export interface RerunResult {
  commit: boolean;
  rules: RulesChange;
  was: RulesChange;
  beyond: number;
  changed: number;
  merged: number;
  split: number;
  shared: number;
  unshared: number;
  skipped: number;
  identifiers: number;
  concerned: number;
  moved: number;
  persons: number;
  persons_then: number;
  largest: number;
  foretold: number;
  segments: RerunSegment[] | null;
}

export const lastRerunQuery = lastJobQuery(rerunJob);

export const rerunSamplesQuery = (job: string) =>
  queryOptions({
    queryKey: ["identity", "reruns", job],
    queryFn: ({ signal }) =>
      data(
        api.GET("/api/v1/identity/reruns/{job}/samples", {
          signal,
          params: { path: { job }, query: { limit: 50 } },
        }),
      ),
  });

const entries = (r: RulesChange | undefined) =>
  (r?.kinds?.length ?? 0) + (r?.reset?.length ?? 0) + (r?.blocked?.length ?? 0);

/** Whether running the rules that were takes a run back: not if there was no change, or one too many to note. */
export const mayUndo = (r: RerunResult) => r.commit && entries(r.was) > 0 && r.beyond === 0;

/** Nobody would be, or is, somebody else. */
export const changesNothing = (r: RerunResult) => r.changed === 0;
