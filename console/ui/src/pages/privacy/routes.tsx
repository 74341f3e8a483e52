import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import { requestsSearch } from "./search";

const requestsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/privacy/requests",
  validateSearch: validated(requestsSearch),
  component: lazyRouteComponent(() => import("./RequestsPage"), "RequestsPage"),
});

export const privacyRoutes = [requestsRoute] as const;
