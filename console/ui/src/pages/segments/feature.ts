import { Shapes } from "lucide-react";
import { feature } from "@/app/feature";
import { segmentsRoutes } from "./routes";

export const segments = feature({
  name: "segments",
  nav: [{ key: "segments", letter: "s", to: "/segments", icon: Shapes, needs: "segments:read" }],
  routes: segmentsRoutes,
  guards: { "/segments/new": "segments:write", "/segments/$/edit": "segments:write" },
  texts: ["condition", "explorer"],
});
