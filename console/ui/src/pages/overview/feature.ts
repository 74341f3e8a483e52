import { Gauge } from "lucide-react";
import { feature } from "@/app/feature";
import { overviewRoute } from "./routes";

export const overview = feature({
  name: "overview",
  nav: [{ key: "overview", letter: "o", to: "/", icon: Gauge, needs: "stats:read" }],
  routes: [overviewRoute],
});
