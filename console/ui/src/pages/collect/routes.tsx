import { createRoute, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { compact, flag, oneOf, str } from "@/lib/search";

type Raw = Record<string, unknown>;

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
  validateSearch: (raw: Raw): { source?: string; create?: true; q?: string } =>
    compact({ source: str(raw, "source"), create: flag(raw, "create"), q: str(raw, "q") }),
  component: lazyRouteComponent(() => import("./SourcesPage"), "SourcesPage"),
});

const debuggerRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/collect/debugger",
  validateSearch: (raw: Raw): { source?: string; q?: string; show?: "rejected" | "accepted" } =>
    compact({
      source: str(raw, "source"),
      q: str(raw, "q"),
      show: oneOf(raw, "show", ["rejected", "accepted"] as const),
    }),
  component: lazyRouteComponent(() => import("./DebuggerPage"), "DebuggerPage"),
});

const quarantineRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/collect/quarantine",
  validateSearch: (raw: Raw): { source?: string; code?: string; q?: string } =>
    compact({ source: str(raw, "source"), code: str(raw, "code"), q: str(raw, "q") }),
  component: lazyRouteComponent(() => import("./QuarantinePage"), "QuarantinePage"),
});

const catalogueRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/collect/catalogue",
  validateSearch: (raw: Raw): { tab?: "traits"; event?: string; q?: string; range?: "all" } =>
    compact({
      tab: oneOf(raw, "tab", ["traits"] as const),
      event: str(raw, "event"),
      q: str(raw, "q"),
      range: oneOf(raw, "range", ["all"] as const),
    }),
  component: lazyRouteComponent(() => import("./CataloguePage"), "CataloguePage"),
});

const importsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/collect/imports",
  validateSearch: (raw: Raw): { open?: string } => compact({ open: str(raw, "open") }),
  component: lazyRouteComponent(() => import("./ImportsPage"), "ImportsPage"),
});

export const collectRoutes = [
  collectRoute,
  sourcesRoute,
  debuggerRoute,
  quarantineRoute,
  catalogueRoute,
  importsRoute,
] as const;
