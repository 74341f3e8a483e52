import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import type { Rule } from "@/api/types";
import { shellRoute } from "@/app/shellRoute";
import { readRule } from "@/lib/rule";
import { compact, oneOf, str } from "@/lib/search";

export const segmentTabs = ["members", "changes", "history"] as const;
export type SegmentTab = (typeof segmentTabs)[number];

/** The draft of a segment. It is in the address, so that a half-built rule can be shared and reloaded. */
export interface DraftSearch {
  name?: string;
  description?: string;
  rule?: Rule;
  view?: "json";
}

function draftSearch(raw: Record<string, unknown>): DraftSearch {
  const read = readRule(raw.rule);
  return compact({
    name: str(raw, "name"),
    description: str(raw, "description"),
    rule: "rule" in read ? read.rule : undefined,
    view: oneOf(raw, "view", ["json"]),
  });
}

const segmentsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/segments",
  validateSearch: (raw: Record<string, unknown>): { q?: string } => compact({ q: str(raw, "q") }),
  component: lazyRouteComponent(() => import("./SegmentsPage"), "SegmentsPage"),
});

const newSegmentRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/segments/new",
  validateSearch: draftSearch,
  component: lazyRouteComponent(() => import("./BuilderPage"), "NewSegmentPage"),
});

const editSegmentRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/segments/$id/edit",
  validateSearch: draftSearch,
  component: lazyRouteComponent(() => import("./BuilderPage"), "EditSegmentPage"),
});

const segmentRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/segments/$id",
  validateSearch: (raw: Record<string, unknown>): { tab?: SegmentTab } =>
    compact({ tab: oneOf(raw, "tab", segmentTabs) }),
  component: lazyRouteComponent(() => import("./SegmentPage"), "SegmentPage"),
});

export const segmentsRoutes = [segmentsRoute, newSegmentRoute, segmentRoute, editSegmentRoute] as const;
