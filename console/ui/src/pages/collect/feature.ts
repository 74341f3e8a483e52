import { BookOpen, FileUp, Plug, Radio, ShieldAlert } from "lucide-react";
import { feature } from "@/app/feature";
import { collectRoutes } from "./routes";

export const collect = feature({
  name: "collect",
  group: "collect",
  nav: [
    { key: "sources", letter: "r", to: "/collect/sources", icon: Plug, needs: "sources:read" },
    { key: "debugger", letter: "d", to: "/collect/debugger", icon: Radio, needs: "events:read" },
    {
      key: "quarantine",
      letter: "q",
      to: "/collect/quarantine",
      icon: ShieldAlert,
      needs: "quarantine:read",
    },
    { key: "catalogue", letter: "c", to: "/collect/catalogue", icon: BookOpen, needs: "catalogue:read" },
    { key: "imports", letter: "i", to: "/collect/imports", icon: FileUp, needs: "imports:read" },
  ],
  routes: collectRoutes,
  guards: { "/collect/imports/new": "imports:write" },
  texts: ["importFile", "lineage"],
});
