import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import { draftSearch } from "./draftSearch";
import { draftExplorerSearch } from "./explorer/search";
import { segmentSearch, segmentsSearch } from "./search";

const segmentsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/segments",
  validateSearch: validated(segmentsSearch),
  component: lazyRouteComponent(() => import("./SegmentsPage"), "SegmentsPage"),
});

const newSegmentRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/segments/new",
  validateSearch: validated(draftSearch),
  component: lazyRouteComponent(() => import("./BuilderPage"), "NewSegmentPage"),
});

const draftExplorerRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/segments/explore",
  validateSearch: validated(draftExplorerSearch),
  component: lazyRouteComponent(() => import("./explorer/DraftExplorerPage"), "DraftExplorerPage"),
});

const editSegmentRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/segments/$id/edit",
  validateSearch: validated(draftSearch),
  component: lazyRouteComponent(() => import("./BuilderPage"), "EditSegmentPage"),
});

const segmentRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/segments/$id",
  validateSearch: validated(segmentSearch),
  component: lazyRouteComponent(() => import("./SegmentPage"), "SegmentPage"),
});

export const segmentsRoutes = [
  segmentsRoute,
  newSegmentRoute,
  draftExplorerRoute,
  segmentRoute,
  editSegmentRoute,
] as const;
