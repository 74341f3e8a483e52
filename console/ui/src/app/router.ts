import "./arrival";
import { createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { setOnSignedOut } from "@/api/client";
import { queryClient, sessionQuery } from "@/api/queries";
import { parseSearch, stringifySearch, validated } from "@/lib/search";
import { analyticsRoutes } from "@/pages/analytics/routes";
import { collectRoutes } from "@/pages/collect/routes";
import { jobsRoute } from "@/pages/jobs/routes";
import { overviewRoute } from "@/pages/overview/routes";
import { peopleRoutes } from "@/pages/people/routes";
import { segmentsRoutes } from "@/pages/segments/routes";
import { settingsRoute } from "@/pages/settings/routes";
import { webhooksRoutes } from "@/pages/webhooks/routes";
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
  shellRoute.addChildren([
    overviewRoute,
    ...collectRoutes,
    ...peopleRoutes,
    ...segmentsRoutes,
    ...analyticsRoutes,
    jobsRoute,
    ...webhooksRoutes,
    settingsRoute,
    notFoundRoute,
  ]),
]);

export const router = createRouter({
  routeTree,
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
