import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";

const analyticsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/analytics",
  component: lazyRouteComponent(() => import("./AnalyticsPage"), "AnalyticsPage"),
});

export const analyticsRoutes = [analyticsRoute] as const;
