import { compact, oneOf, str } from "@/lib/search";

export const jobsTabs = ["jobs", "schedules", "calendar"] as const;
export const jobsShown = ["active", "done", "failed"] as const;

/** `open` is the id of a job or schedule whose drawer is open, or "new" for a schedule. */
export interface JobsSearch {
  tab?: (typeof jobsTabs)[number];
  show?: (typeof jobsShown)[number];
  open?: string;
}

export const jobsSearch = (raw: Record<string, unknown>): JobsSearch =>
  compact({ tab: oneOf(raw, "tab", jobsTabs), show: oneOf(raw, "show", jobsShown), open: str(raw, "open") });
