import { compact, oneOf, str } from "@/lib/search";

export const registerTabs = ["activities", "assessments"] as const;

/** `open` is an activity, an assessment, "new", or "head"; `of` is the activity of a new assessment. */
export const registerSearch = (
  raw: Record<string, unknown>,
): { tab?: (typeof registerTabs)[number]; open?: string; of?: string } =>
  compact({ tab: oneOf(raw, "tab", registerTabs), open: str(raw, "open"), of: str(raw, "of") });
