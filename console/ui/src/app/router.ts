import "./arrival";
import { createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { setOnSignedOut } from "@/api/client";
import { queryClient, sessionQuery } from "@/api/queries";
import { parseSearch, stringifySearch, validated } from "@/lib/search";
import { features, routes } from "../features";
import { nextSearch, notFoundRoute, rootRoute, shellRoute } from "./shellRoute";

const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/sign-in",
  validateSearch: validated(nextSearch),
  component: lazyRouteComponent(() => import("@/pages/auth/SignInPage"), "SignInPage"),
});

const setupRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/setup",
  component: lazyRouteComponent(() => import("@/pages/auth/SetupPage"), "SetupPage"),
});

const routeTree = rootRoute.addChildren([
  signInRoute,
  setupRoute,
  shellRoute.addChildren([...routes, notFoundRoute]),
]);

export const router = createRouter({
  routeTree,
  context: { features },
  parseSearch,
  stringifySearch,
  defaultPreload: "intent",
  defaultPreloadDelay: 60,
  scrollRestoration: true,
  defaultPendingMs: 300,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

// A session that ended while a page was open: back to the sign-in, and then here again.
setOnSignedOut(() => {
  const here = router.state.location;
  if (here.pathname === "/sign-in" || here.pathname === "/setup") return;
  queryClient.removeQueries({ queryKey: sessionQuery.queryKey });
  void router.navigate({ to: "/sign-in", search: { next: here.href } });
});
