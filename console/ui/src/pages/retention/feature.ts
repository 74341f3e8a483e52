import { Hourglass, Scale } from "lucide-react";
import { feature } from "@/app/feature";
import { retentionRoutes } from "./routes";

export const retention = feature({
  name: "retention",
  group: "privacy",
  nav: [
    { key: "holds", letter: "u", to: "/privacy/holds", icon: Scale, needs: "holds:read" },
    { key: "retention", letter: "z", to: "/privacy/retention", icon: Hourglass, needs: "retention:read" },
  ],
  routes: retentionRoutes,
});
