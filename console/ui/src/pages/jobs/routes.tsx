import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import { jobsSearch } from "./search";

export const jobsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/jobs",
  validateSearch: validated(jobsSearch),
  component: lazyRouteComponent(() => import("./JobsPage"), "JobsPage"),
});
