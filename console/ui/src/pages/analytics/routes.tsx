import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { readQuestion } from "./question";

const analyticsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/analytics",
  validateSearch: readQuestion,
  component: lazyRouteComponent(() => import("./AnalyticsPage"), "AnalyticsPage"),
});

export const analyticsRoutes = [analyticsRoute] as const;
