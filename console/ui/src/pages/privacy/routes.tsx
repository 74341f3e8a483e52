import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import { registerSearch } from "./register/search";
import { requestsSearch } from "./search";

const requestsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/privacy/requests",
  validateSearch: validated(requestsSearch),
  component: lazyRouteComponent(() => import("./RequestsPage"), "RequestsPage"),
});

const registerRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/privacy/register",
  validateSearch: validated(registerSearch),
  component: lazyRouteComponent(() => import("./register/RegisterPage"), "RegisterPage"),
});

export const privacyRoutes = [requestsRoute, registerRoute] as const;
