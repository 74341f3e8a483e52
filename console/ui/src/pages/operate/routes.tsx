import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import { reactorsSearch } from "./search";

const reactorsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/reactors",
  validateSearch: validated(reactorsSearch),
  component: lazyRouteComponent(() => import("./ReactorsPage"), "ReactorsPage"),
});

const processesRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/processes",
  component: lazyRouteComponent(() => import("./ProcessesPage"), "ProcessesPage"),
});

export const operateRoutes = [reactorsRoute, processesRoute] as const;
