import { HeartPulse } from "lucide-react";
import { feature } from "@/app/feature";
import { qualityRoutes } from "./routes";

export const quality = feature({
  name: "quality",
  group: "collect",
  nav: [{ key: "quality", letter: "y", to: "/collect/quality", icon: HeartPulse, needs: "quality:read" }],
  routes: qualityRoutes,
});
