import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import { linkageSearch } from "./search";

const linkageRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/linkage",
  validateSearch: validated(linkageSearch),
  component: lazyRouteComponent(() => import("./LinkagePage"), "LinkagePage"),
});

export const linkageRoutes = [linkageRoute] as const;
