import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import { tagsSearch } from "./search";

const tagsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/tags",
  validateSearch: validated(tagsSearch),
  component: lazyRouteComponent(() => import("./TagsPage"), "TagsPage"),
});

export const tagsRoutes = [tagsRoute] as const;
