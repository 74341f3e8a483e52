import { ChartNoAxesCombined } from "lucide-react";
import { feature } from "@/app/feature";
import { analyticsRoutes } from "./routes";

export const analytics = feature({
  name: "analytics",
  nav: [
    { key: "analytics", letter: "a", to: "/analytics", icon: ChartNoAxesCombined, needs: "analytics:read" },
  ],
  routes: analyticsRoutes,
});
