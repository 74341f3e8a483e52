import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import { stageSearch, templatesSearch } from "./search";

const stagesRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/stages",
  component: lazyRouteComponent(() => import("./StagesPage"), "StagesPage"),
});

const newStageRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/stages/new",
  component: lazyRouteComponent(() => import("./StageForm"), "NewStagePage"),
});

const templatesRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/stages/templates",
  validateSearch: validated(templatesSearch),
  component: lazyRouteComponent(() => import("./TemplatesPage"), "TemplatesPage"),
});

const editStageRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/stages/$id/edit",
  component: lazyRouteComponent(() => import("./StageForm"), "EditStagePage"),
});

const stageRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/stages/$id",
  validateSearch: validated(stageSearch),
  component: lazyRouteComponent(() => import("./StagePage"), "StagePage"),
});

export const stagesRoutes = [stagesRoute, newStageRoute, templatesRoute, editStageRoute, stageRoute] as const;
