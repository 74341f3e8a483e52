import { Webhook } from "lucide-react";
import { feature } from "@/app/feature";
import { webhooksRoutes } from "./routes";

export const webhooks = feature({
  name: "webhooks",
  group: "act",
  nav: [{ key: "webhooks", letter: "w", to: "/webhooks", icon: Webhook, needs: "webhooks:read" }],
  routes: webhooksRoutes,
});
