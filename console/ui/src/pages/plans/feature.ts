import { ClipboardCheck } from "lucide-react";
import { feature } from "@/app/feature";
import { plansRoutes } from "./routes";

export const plans = feature({
  name: "plans",
  group: "collect",
  nav: [{ key: "plans", letter: "k", to: "/plans", icon: ClipboardCheck, needs: "plans:read" }],
  routes: plansRoutes,
});
