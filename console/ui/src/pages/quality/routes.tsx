import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import { qualitySearch } from "./search";

const qualityRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/collect/quality",
  validateSearch: validated(qualitySearch),
  component: lazyRouteComponent(() => import("./QualityPage"), "QualityPage"),
});

export const qualityRoutes = [qualityRoute] as const;
