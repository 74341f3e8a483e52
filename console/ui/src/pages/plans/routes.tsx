import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import { planSearch, plansSearch } from "./search";

const list = createRoute({
  getParentRoute: () => shellRoute,
  path: "/plans",
  validateSearch: validated(plansSearch),
  component: lazyRouteComponent(() => import("./PlansPage"), "PlansPage"),
});

const one = createRoute({
  getParentRoute: () => shellRoute,
  path: "/plans/$id",
  validateSearch: validated(planSearch),
  component: lazyRouteComponent(() => import("./PlanPage"), "PlanPage"),
});

export const plansRoutes = [list, one] as const;
