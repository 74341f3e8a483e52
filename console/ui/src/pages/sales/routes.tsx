import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import { salesSearch } from "./search";

const salesRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/sales",
  validateSearch: validated(salesSearch),
  component: lazyRouteComponent(() => import("./SalesPage"), "SalesPage"),
});

export const salesRoutes = [salesRoute] as const;
