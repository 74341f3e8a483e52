import { queryOptions } from "@tanstack/react-query";
import { api, data } from "@/api/client";
import type { components } from "@/api/schema";

type S = components["schemas"];
export type Register = S["Register"];
export type ActivityRecord = S["ProcessingActivityRecord"];
export type Activity = S["ProcessingActivity"];
export type AssessmentRecord = S["AssessmentRecord"];
export type Assessment = S["Assessment"];
export type Gap = S["RegisterGap"];
export type State = S["AssessmentState"];

export const bases = [
  "consent",
  "contract",
  "legal_duty",
  "vital_interests",
  "public_task",
  "legitimate_interests",
] as const;
export const decisions = ["proceed", "with_measures", "stop"] as const;

export const registerQuery = queryOptions({
  queryKey: ["register"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/privacy/register", { signal })),
});

/** Versions of an activity or an assessment, or of the head ("head"), the newest first. */
export const registerVersionsQuery = (id: string) =>
  queryOptions({
    queryKey: ["register", "versions", id],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/privacy/register/versions/{id}", { signal, params: { path: { id } } })),
  });
