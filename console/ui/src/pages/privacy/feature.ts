import { BookMarked, ShieldCheck } from "lucide-react";
import { feature } from "@/app/feature";
import { privacyRoutes } from "./routes";

export const privacy = feature({
  name: "privacy",
  group: "privacy",
  nav: [
    { key: "requests", letter: "v", to: "/privacy/requests", icon: ShieldCheck, needs: "privacy:read" },
    { key: "register", letter: "b", to: "/privacy/register", icon: BookMarked, needs: "register:read" },
  ],
  routes: privacyRoutes,
  texts: ["register"],
});
