import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shellRoute } from "@/app/shellRoute";
import { validated } from "@/lib/search";
import { webhookSearch, webhooksSearch } from "./search";

const webhooksRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/webhooks",
  validateSearch: validated(webhooksSearch),
  component: lazyRouteComponent(() => import("./WebhooksPage"), "WebhooksPage"),
});

const webhookRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/webhooks/$id",
  validateSearch: validated(webhookSearch),
  component: lazyRouteComponent(() => import("./WebhookPage"), "WebhookPage"),
});

export const webhooksRoutes = [webhooksRoute, webhookRoute] as const;
