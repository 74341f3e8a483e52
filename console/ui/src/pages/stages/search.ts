import { compact, oneOf, str } from "@/lib/search";

export const periods = ["30", "90", "365"] as const;
export const views = ["funnel", "course", "moves", "versions"] as const;

export interface StageSearch {
  days?: (typeof periods)[number];
  tab?: (typeof views)[number];
  /** Of the moves: the stage that people came into. */
  stage?: string;
}

export const stageSearch = (raw: Record<string, unknown>): StageSearch =>
  compact({ days: oneOf(raw, "days", periods), tab: oneOf(raw, "tab", views), stage: str(raw, "stage") });

/** The template that is open, or "rfm". */
export const templatesSearch = (raw: Record<string, unknown>): { template?: string } =>
  compact({ template: str(raw, "template") });
