import { House } from "lucide-react";
import { feature } from "@/app/feature";
import { householdsRoutes } from "./routes";

export const households = feature({
  name: "households",
  nav: [{ key: "households", letter: "h", to: "/households", icon: House, needs: "households:read" }],
  routes: householdsRoutes,
  everybody: ["/households"],
});
