import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import { householdSearch, householdsSearch } from "./search";

const householdsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/households",
  validateSearch: validated(householdsSearch),
  component: lazyRouteComponent(() => import("./HouseholdsPage"), "HouseholdsPage"),
});

const householdRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/households/$id",
  validateSearch: validated(householdSearch),
  component: lazyRouteComponent(() => import("./HouseholdPage"), "HouseholdPage"),
});

export const householdsRoutes = [householdsRoute, householdRoute] as const;
