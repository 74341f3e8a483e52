import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import { consentSearch } from "./search";

const consentRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/consent",
  validateSearch: validated(consentSearch),
  component: lazyRouteComponent(() => import("./ConsentPage"), "ConsentPage"),
});

export const consentRoutes = [consentRoute] as const;
