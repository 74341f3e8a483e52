import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import { holdsSearch } from "./search";

const holdsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/privacy/holds",
  validateSearch: validated(holdsSearch),
  component: lazyRouteComponent(() => import("./HoldsPage"), "HoldsPage"),
});

const retentionRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/privacy/retention",
  component: lazyRouteComponent(() => import("./RetentionPage"), "RetentionPage"),
});

export const retentionRoutes = [holdsRoute, retentionRoute] as const;
