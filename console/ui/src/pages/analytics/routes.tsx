import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import { readQuestion } from "./question";

const analyticsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/analytics",
  validateSearch: validated(readQuestion),
  component: lazyRouteComponent(() => import("./AnalyticsPage"), "AnalyticsPage"),
});

export const analyticsRoutes = [analyticsRoute] as const;
