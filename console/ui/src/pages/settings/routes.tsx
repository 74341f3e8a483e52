import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { oneOf } from "@/lib/search";

export const settingsTabs = ["organisation", "appearance", "users", "keys", "audit"] as const;

export const settingsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/settings",
  validateSearch: (raw: Record<string, unknown>): { tab?: (typeof settingsTabs)[number] } => {
    const tab = oneOf(raw, "tab", settingsTabs);
    return tab ? { tab } : {};
  },
  component: lazyRouteComponent(() => import("./SettingsPage"), "SettingsPage"),
});
