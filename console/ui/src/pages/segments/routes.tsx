import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";

const segmentsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/segments",
  component: lazyRouteComponent(() => import("./SegmentsPage"), "SegmentsPage"),
});

const segmentRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/segments/$id",
  component: lazyRouteComponent(() => import("./SegmentPage"), "SegmentPage"),
});

export const segmentsRoutes = [segmentsRoute, segmentRoute] as const;
