import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import { peopleSearch, personSearch } from "./search";

const peopleRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/people",
  validateSearch: validated(peopleSearch),
  component: lazyRouteComponent(() => import("./PeoplePage"), "PeoplePage"),
});

const personRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/people/$ref",
  validateSearch: validated(personSearch),
  component: lazyRouteComponent(() => import("./PersonPage"), "PersonPage"),
});

export const peopleRoutes = [peopleRoute, personRoute] as const;
