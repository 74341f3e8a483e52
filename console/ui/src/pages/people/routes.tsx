import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { compact, oneOf, str } from "@/lib/search";

export const personTabs = ["timeline", "traits", "identity"] as const;
export type PersonTab = (typeof personTabs)[number];

export interface PeopleSearch {
  q?: string;
}
export interface PersonSearch {
  tab?: PersonTab;
  event?: string;
  /** The two identifiers whose connection is explained, as kind:value. */
  from?: string;
  to?: string;
}

const peopleRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/people",
  validateSearch: (raw: Record<string, unknown>): PeopleSearch => compact({ q: str(raw, "q") }),
  component: lazyRouteComponent(() => import("./PeoplePage"), "PeoplePage"),
});

const personRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/people/$ref",
  validateSearch: (raw: Record<string, unknown>): PersonSearch =>
    compact({
      tab: oneOf(raw, "tab", personTabs),
      event: str(raw, "event"),
      from: str(raw, "from"),
      to: str(raw, "to"),
    }),
  component: lazyRouteComponent(() => import("./PersonPage"), "PersonPage"),
});

export const peopleRoutes = [peopleRoute, personRoute] as const;
