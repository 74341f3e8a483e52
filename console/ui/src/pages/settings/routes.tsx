import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import { settingsSearch } from "./search";

export const settingsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/settings",
  validateSearch: validated(settingsSearch),
  component: lazyRouteComponent(() => import("./SettingsPage"), "SettingsPage"),
});
