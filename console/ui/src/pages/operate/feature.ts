import { Server, Zap } from "lucide-react";
import { feature } from "@/app/feature";
import { operateRoutes } from "./routes";

/** What whoever runs the server looks at. */
export const operate = feature({
  name: "operate",
  group: "operate",
  nav: [
    { key: "reactors", letter: "e", to: "/reactors", icon: Zap, needs: "reactors:read" },
    { key: "processes", letter: "m", to: "/processes", icon: Server, needs: "stats:read" },
  ],
  routes: operateRoutes,
});
