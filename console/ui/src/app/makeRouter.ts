import {
  type AnyRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  type RouterHistory,
} from "@tanstack/react-router";
import { parseSearch, stringifySearch, validated } from "@/lib/search";
import type { Feature } from "./feature";
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

/** The console of some features: sign-in, shell, their pages. The routes stand apart, so that links know their types. */
export function makeRouter<const R extends readonly AnyRoute[]>(
  features: readonly Feature[],
  routes: R,
  history?: RouterHistory,
) {
  return createRouter({
    routeTree: rootRoute.addChildren([
      signInRoute,
      setupRoute,
      shellRoute.addChildren([...routes, notFoundRoute]),
    ]),
    ...(history ? { history } : {}),
    context: { features },
    parseSearch,
    stringifySearch,
    defaultPreload: "intent",
    defaultPreloadDelay: 60,
    scrollRestoration: true,
    defaultPendingMs: 300,
  });
}
