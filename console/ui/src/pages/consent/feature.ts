import { Handshake } from "lucide-react";
import { feature } from "@/app/feature";
import { consentRoutes } from "./routes";

export const consent = feature({
  name: "consent",
  group: "privacy",
  nav: [{ key: "consent", letter: "n", to: "/consent", icon: Handshake, needs: "consent:read" }],
  routes: consentRoutes,
});
