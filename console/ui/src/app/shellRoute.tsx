import { createRootRouteWithContext, createRoute, Outlet, redirect } from "@tanstack/react-router";
import { queryClient, sessionQuery } from "@/api/queries";
import { CrashPage, NotFoundPage } from "@/components/states";
import { sharedSearch } from "@/lib/behind";
import { mendPath, str, validated } from "@/lib/search";
import { type Feature, homeOf } from "./feature";
import { Shell } from "./Shell";

export const rootRoute = createRootRouteWithContext<{ features: readonly Feature[] }>()({
  component: Outlet,
  errorComponent: CrashPage,
  notFoundComponent: NotFoundPage,
});

/** Everything behind the sign-in: navigation, palette, the drawer of people behind a number. */
export const shellRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: "shell",
  component: Shell,
  validateSearch: validated(sharedSearch),
  beforeLoad: async ({ location, context }) => {
    const session = await queryClient.ensureQueryData(sessionQuery);
    if (session.setup_required && !session.dev) throw redirect({ to: "/setup" });
    if (!session.user && !session.dev) {
      throw redirect({ to: "/sign-in", search: location.href === "/" ? {} : { next: location.href } });
    }
    if (location.pathname !== "/") return;
    const home = homeOf(context.features, session);
    if (home !== "/") throw redirect({ to: home, replace: true });
  },
});

/** Any other path: what does not exist is said inside of the console, from where one can go on. */
export const notFoundRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "$",
  component: NotFoundPage,
});

/** Only paths of our own are followed after the sign-in. */
export function nextSearch(raw: Record<string, unknown>): { next?: string } {
  const next = str(raw, "next");
  return next?.startsWith("/") && !next.startsWith("//") && !next.startsWith("/\\")
    ? { next: mendPath(next) }
    : {};
}
