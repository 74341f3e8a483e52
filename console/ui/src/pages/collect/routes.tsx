import { createRoute, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import {
  catalogueSearch,
  debuggerSearch,
  importFileSearch,
  importsSearch,
  quarantineSearch,
  sourcesSearch,
} from "./search";

const collectRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/collect",
  beforeLoad: () => {
    throw redirect({ to: "/collect/sources" });
  },
});

const sourcesRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/collect/sources",
  validateSearch: validated(sourcesSearch),
  component: lazyRouteComponent(() => import("./SourcesPage"), "SourcesPage"),
});

const debuggerRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/collect/debugger",
  validateSearch: validated(debuggerSearch),
  component: lazyRouteComponent(() => import("./DebuggerPage"), "DebuggerPage"),
});

const quarantineRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/collect/quarantine",
  validateSearch: validated(quarantineSearch),
  component: lazyRouteComponent(() => import("./QuarantinePage"), "QuarantinePage"),
});

const catalogueRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/collect/catalogue",
  validateSearch: validated(catalogueSearch),
  component: lazyRouteComponent(() => import("./CataloguePage"), "CataloguePage"),
});

const importsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/collect/imports",
  validateSearch: validated(importsSearch),
  component: lazyRouteComponent(() => import("./ImportsPage"), "ImportsPage"),
});

const importFileRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/collect/imports/new",
  validateSearch: validated(importFileSearch),
  component: lazyRouteComponent(() => import("./import/ImportFilePage"), "ImportFilePage"),
});

export const collectRoutes = [
  collectRoute,
  sourcesRoute,
  debuggerRoute,
  quarantineRoute,
  catalogueRoute,
  importsRoute,
  importFileRoute,
] as const;
