import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { compact, oneOf, str } from "@/lib/search";
import { draftSearch } from "./draftSearch";

export const segmentTabs = ["members", "changes", "history"] as const;
export type SegmentTab = (typeof segmentTabs)[number];

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
