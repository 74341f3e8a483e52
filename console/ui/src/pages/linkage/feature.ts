import { Merge } from "lucide-react";
import { feature } from "@/app/feature";
import { linkageRoutes } from "./routes";

export const linkage = feature({
  name: "linkage",
  nav: [{ key: "linkage", letter: "l", to: "/linkage", icon: Merge, needs: "identity:read" }],
  routes: linkageRoutes,
  everybody: ["/linkage"],
});
