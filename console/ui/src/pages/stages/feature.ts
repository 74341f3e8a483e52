import { Milestone } from "lucide-react";
import { feature } from "@/app/feature";
import { stagesRoutes } from "./routes";

export const stages = feature({
  name: "stages",
  nav: [{ key: "stages", letter: "f", to: "/stages", icon: Milestone, needs: "stages:read" }],
  routes: stagesRoutes,
  guards: {
    "/stages/new": "stages:write",
    "/stages/$/edit": "stages:write",
    "/stages/templates": "stages:write",
  },
});
